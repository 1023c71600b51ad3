"""Programs of users, for type checkers: what is right is known, what is wrong is refused."""
