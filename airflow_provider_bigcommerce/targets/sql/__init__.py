"""Tables: what a resource looks like in a database, and how its rows get there."""
