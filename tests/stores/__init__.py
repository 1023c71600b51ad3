"""What is kept, by whom, and what becomes of it when everything goes wrong."""
