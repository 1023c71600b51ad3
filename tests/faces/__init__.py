"""Jobs in the shapes of other libraries."""
