"""Sample programs; a package, so that an editable install finds what the pages show."""
