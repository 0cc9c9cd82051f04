"""What code a result depends on, as a number that changes when that code does."""

from sparserobust.source_code.digest import code_digest
from sparserobust.source_code.files import folder_digest
from sparserobust.source_code.modules import is_library

__all__ = ["code_digest", "folder_digest", "is_library"]
