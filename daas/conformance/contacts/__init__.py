"""The cases of lists and contacts: signatures, arguments, responses, and whose lists they are."""

from ..case import Case
from . import contacts, errors, lists, signatures

CASES: list[Case] = [*signatures.CASES, *lists.CASES, *contacts.CASES, *errors.CASES]
