"""Values taken apart into trees of Arrow columns, and put together again, equal."""
