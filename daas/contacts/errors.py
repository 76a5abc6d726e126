"""What can go wrong with lists and contacts alone."""

from ..errors import ApiError


class ListNotFound(ApiError):
    """The application has no such list."""

    status = 404
    message = "List not found"


class ContactNotFound(ApiError):
    """The list has no such contact."""

    status = 404
    message = "Contact not found"


class ContactExists(ApiError):
    """The list has a contact with this address already."""

    status = 409
    message = "Contact already exists"
