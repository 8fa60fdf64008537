"""What a dbt project knows of copied tables: sources, staging models, tests and a diagram, from the catalog and the schemas."""
