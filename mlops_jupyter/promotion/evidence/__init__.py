"""What a decision rests on, as files and in words: for CI, for people, for auditors."""
