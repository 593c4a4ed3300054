"""Several comparison folders as one: other names, the settings that must agree, the merged results."""
