"""The real engine on a virtual clock, compared step by step with a table that is plainly right."""
