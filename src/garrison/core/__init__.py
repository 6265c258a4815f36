"""Pure decisions: types and functions without I/O, framework or wall clock."""
