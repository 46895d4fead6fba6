"""A first config, and the schema that an editor checks configs by: `ald init`."""
