"""Care for what is kept: collect what nothing needs, verify, forget by age, erase for law."""
