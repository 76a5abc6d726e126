"""The errors that only calls about lists and contacts have."""

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
    """The list already has a contact with this address."""

    status = 409
    message = "Contact already exists"
