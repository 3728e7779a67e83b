"""What two versions of data differ in, in words."""
