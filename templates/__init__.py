"""The templates of the pages; a package, so that an editable install finds them too."""
