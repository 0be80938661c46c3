"""Shows coroexec's handles and outcomes in GDB as what they are: `source coroexec-gdb.py`, or a line like that in ~/.gdbinit.

    (gdb) print task
    $1 = Task 2 'fetch' succeeded = {result = 42}
    (gdb) print outcome
    $2 = Outcome: std::runtime_error: no such host

Nothing of the program is called for it, so it works with a core file as well.
"""
import gdb
import gdb.printing

STATES = ("queued", "running", "succeeded", "failed", "cancelled")


def pointer_at(address):
    return int(gdb.Value(address).cast(gdb.lookup_type("unsigned long").pointer()).dereference())


def text_at(address):
    return gdb.Value(address).cast(gdb.lookup_type("char").pointer()).string(errors="replace")


def exception_text(pointer):
    """What a std::exception_ptr of libstdc++ refers to: by its RTTI, for which nobody needs debug information."""
    thrown = int(pointer["_M_exception_object"])
    if thrown == 0:
        return "no error"
    word = gdb.lookup_type("unsigned long").sizeof
    # What the C++ ABI has before a thrown object begins with its type_info: {vtable, name, the base's type_info if it has one}.
    type_info = pointer_at(thrown - 14 * word)
    mangled = text_at(pointer_at(type_info + word))
    text = gdb.execute("demangle -- _ZTS" + mangled, to_string=True).strip().removeprefix("typeinfo name for ")
    while mangled not in ("St13runtime_error", "St11logic_error"):
        if "__si_class_type_info" not in gdb.execute(f"info symbol {pointer_at(type_info)}", to_string=True):
            return text
        type_info = pointer_at(type_info + 2 * word)
        mangled = text_at(pointer_at(type_info + word))
    return f"{text}: {text_at(pointer_at(thrown + word))}"


class TaskPrinter:
    def __init__(self, value):
        reference = value["job_"]["object_"]
        self.job = reference.dereference() if int(reference) else None
        self.kind = "AnyTask" if str(value.type.strip_typedefs().unqualified()).endswith("AnyTask") else "Task"
        self.state = STATES[int(self.job["state_"]["_M_i"])] if self.job is not None else None

    def name(self):
        block = int(self.job["name_"])
        if block == 0:
            return ""
        return " '" + gdb.Value(block + gdb.lookup_type("unsigned long").sizeof).cast(gdb.lookup_type("char").pointer()).string(
            length=pointer_at(block), errors="replace") + "'"

    def to_string(self):
        if self.job is None:
            return f"{self.kind} of no job"
        asked = bool(self.job["cancel_requested"]["_M_base"]["_M_i"]) and self.state in STATES[:2]
        text = f"{self.kind} {int(self.job['id_'])}{self.name()} {self.state}{', is to stop' if asked else ''}"
        # An error is told with it: a child has to be a value.
        if self.state in ("failed", "cancelled"):
            text += f" ({exception_text(self.job['error_'])})"
        return text

    def children(self):
        if self.state != "succeeded":
            return
        try:
            payload = self.job["value_"]["_M_payload"]
        except gdb.error:
            return  # of void, or an AnyTask
        if payload["_M_engaged"]:
            yield "result", payload["_M_payload"]["_M_value"]


class OutcomePrinter:
    def __init__(self, value):
        variant = value["v_"]
        storage, index = variant["st_"], int(variant["ix_"])
        if storage.type.strip_typedefs().code == gdb.TYPE_CODE_ARRAY:  # two, of which the lowest bit says which
            storage, index = storage[index & 1], index >> 1
        self.is_error = index == 2
        rest = storage["rest_"]
        self.value = (rest["rest_"] if self.is_error else rest)["first_"]

    def to_string(self):
        if self.is_error:
            return f"Outcome: {exception_text(self.value)}"
        return "Outcome: success" if "monostate" in str(self.value.type) else "Outcome"

    def children(self):
        if not self.is_error and "monostate" not in str(self.value.type):
            yield "value", self.value


printers = gdb.printing.RegexpCollectionPrettyPrinter("coroexec")
printers.add_printer("Task", r"^coroexec::(BasicTask<.*>|AnyTask)$", TaskPrinter)
printers.add_printer("Outcome", r"^boost::system::result<.*std::__exception_ptr::exception_ptr>$", OutcomePrinter)
gdb.printing.register_pretty_printer(gdb.current_objfile(), printers, replace=True)
