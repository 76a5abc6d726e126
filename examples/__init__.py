"""Sample programs; this is a package so that an editable install also finds the files that the pages show."""
