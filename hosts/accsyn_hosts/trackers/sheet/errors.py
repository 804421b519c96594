"""What can be wrong with a task sheet, each in a sentence that says what to do."""

from __future__ import annotations

from accsyn_plugins.errors import AccsynError


class SheetError(AccsynError):
    """The base of what is wrong with a sheet; nothing was changed in it."""

    code = "sheet"


class SheetMissingError(SheetError):
    code = "sheet-missing"
    status = 404
    sentence = "The task sheet {sheet} cannot be opened ({reason}); check ACCSYN_SHEET."


class SheetKindError(SheetError):
    code = "sheet-kind"
    sentence = "The task sheet {sheet} is neither CSV nor XLSX; save it as one of the two."


class SheetOpenError(SheetError):
    code = "sheet-open"
    status = 423
    sentence = "The task sheet {sheet} is open in {who}; close it there, or delete {lock} if nobody has it open."


class SheetHalfWrittenError(SheetError):
    code = "sheet-half-written"
    status = 423
    sentence = "The task sheet {sheet} is only half written ({reason}); save it again, then try again."


class SheetBusyError(SheetError):
    code = "sheet-busy"
    status = 423
    sentence = "The task sheet {sheet} keeps changing ({reason}); try again in a moment."


class SheetColumnsError(SheetError):
    code = "sheet-columns"
    sentence = "The task sheet {sheet} has no column {missing}; its first row must name {wanted}."


class SheetContentError(SheetError):
    code = "sheet-content"
    sentence = "The task sheet {sheet} holds {what}, which would be lost; keep the tasks in a workbook of their own."


class SheetTaskTwiceError(SheetError):
    code = "sheet-task-twice"
    status = 409
    sentence = "The task {task} stands in rows {rows} of {sheet}; write it as PROJECT/TASK, or keep one of the rows."


class SheetRowGoneError(SheetError):
    code = "sheet-row-gone"
    status = 404
    sentence = "The task {task} of {project} is no longer in {sheet}; put its row back and try again."


class SheetWriteError(SheetError):
    code = "sheet-write"
    sentence = "The task sheet {sheet} cannot be written ({reason}); check the rights of its folder."
