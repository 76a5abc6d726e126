"""The cases of lists and contacts: who signed, what was sent and posted, what is answered, whose it is."""

from ..case import Case
from . import contacts, lists, refusals, signatures

CASES: list[Case] = [*signatures.CASES, *lists.CASES, *contacts.CASES, *refusals.CASES]
