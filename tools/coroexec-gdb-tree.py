"""The GDB command `coroexec-tree`: the live tree of a program that uses libcoroexec, stopped or from a core file.

    (gdb) source /usr/share/coroexec/coroexec-gdb-tree.py
    (gdb) coroexec-tree [MOST]         # of each scope at most so many queued jobs, 100 if not said

It prints what coroexec::dump() prints, but for the times: scopes, their jobs, what each waits for. It runs nothing in
the program and takes no lock. The library has to be built with -g, as CMake's RelWithDebInfo is, or its debug
information installed.
"""
import gdb

PHASES = {1: "shut down", 2: "stopped", 3: "closed"}


def address(pointer):
    return int(pointer.cast(gdb.lookup_type("unsigned long")))


def listed(head, links):
    """The members of an IntrusiveList, which are linked by their member `links`."""
    item = head["head_"]
    while address(item):
        yield item.dereference()
        item = item[links]["next"]


def view(value):
    """The text of a std::string_view or a std::string."""
    fields = {field.name for field in value.type.strip_typedefs().fields()}
    if "_M_str" in fields:
        start, size = value["_M_str"], int(value["_M_len"])
    else:
        start, size = value["_M_dataplus"]["_M_p"], int(value["_M_string_length"])
    return start.string(length=size, errors="replace") if size else ""


def vector(value):
    item, end = value["_M_impl"]["_M_start"], value["_M_impl"]["_M_finish"]
    while address(item) != address(end):
        yield item.dereference()
        item += 1


def atomic(value):
    """What is in a std::atomic: in _M_i, of a bool one level deeper."""
    while value.type.strip_typedefs().code == gdb.TYPE_CODE_STRUCT:
        fields = value.type.strip_typedefs().fields()
        value = value[next((f for f in fields if f.name in ("_M_i", "_M_base")), fields[0])]
    return value


class Job:
    def __init__(self, job, scope):
        self.value, self.scope, self.key = job, scope, address(job.address)
        self.id = int(job["id_"])
        self.worker = address(job["worker_"])

    def name(self):
        start = self.value["name_"]
        if not address(start):
            return ""
        size = int(start.cast(gdb.lookup_type("unsigned long").pointer()).dereference())
        return (start + gdb.lookup_type("unsigned long").sizeof).string(length=size, errors="replace") if size else ""

    def label(self):
        if self.value["is_body"]:
            return (self.name() or "the input of a stream") if self.value["error_is_owned"] else "the body"
        quoted = f" '{self.name()}'" if self.name() else ""
        return f"operation{quoted}" if self.scope.value["part_of_caller_"] else f"job {self.id}{quoted}"

    def record(self):
        if not self.value["observed"]:
            return None
        kind = gdb.lookup_type("coroexec::detail::JobRecord")
        return (self.value["name_"] - kind.sizeof).cast(kind.pointer()).dereference()

    def line(self, waits):
        text = self.label() + (", running" if self.worker else ", queued")
        if atomic(self.value["cancel_requested"]):
            text += ", cancelled"
        if self.worker in waits:
            text += ", waits for " + waits[self.worker]
        record = self.record()
        if record is not None:
            if int(record["submitter"]):
                text += f", submitted by job {int(record['submitter'])} of scope {int(record['submitter_scope'])}"
            if int(record["where"]["line"]):
                text += f" at {record['where']['file'].string()}:{int(record['where']['line'])}"
        return text


class Scope:
    def __init__(self, engine, most):
        self.value = engine
        self.number = int(engine["number_"])
        self.parent = address(engine["parent_"]["object_"])
        name = view(engine["name_"])
        self.label = view(engine["kind_"]) + (f" '{name}'" if name else "")
        running = (worker["job"] for worker in listed(engine["busy_"], "link"))
        self.jobs = [Job(job.dereference(), self) for job in running if address(job)]
        self.left_out = 0
        for count, job in enumerate(listed(engine["queued_"], "link")):
            if count < most:
                self.jobs.append(Job(job, self))
            else:
                self.left_out += 1

    def waits(self):
        """Whose job waits for what of this scope: (worker, text)."""
        def of(waiters, what):
            for node in listed(waiters["nodes_"], "in_list_"):
                yield address(node["worker"]), what
        for job in self.jobs:
            yield from of(job.value["waiters_"], f"{job.label()} of {self.label}")
        for wait in listed(self.value["room_waits_"], "link"):
            yield address(wait["worker"]), f"room in {self.label}"
        yield from of(self.value["joiners_"], f"the last job of {self.label}")
        yield from of(self.value["scope_end_"], f"the end of {self.label}")

    def line(self):
        def some(count, what):
            return f", {int(count)}{what}" if int(count) else ""
        engine, admission = self.value, self.value["admission_"]
        done = sum(int(engine[state]) for state in ("succeeded_", "failed_", "cancelled_"))
        text = f"{self.label} (scope {self.number}): {int(admission['active_'])} active"
        text += some(admission["queued_"], " queued") + some(admission["waiting_"], " waiting for room")
        text += some(done, " done") + some(engine["failed_"], " of them failed")
        text += some(engine["cancelled_"], " cancelled" if int(engine["failed_"]) else " of them cancelled")
        phase = PHASES.get(int(engine["phase_"]))
        return text + (f", {phase}" if phase else "")


class Tree(gdb.Command):
    """Print the scopes and jobs of libcoroexec: coroexec-tree [MOST QUEUED JOBS OF A SCOPE]."""

    def __init__(self):
        super().__init__("coroexec-tree", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        most = int(argument) if argument else 100
        language = gdb.parameter("language")  # of the frame, which may be one of the C library
        gdb.execute("set language c++", to_string=True)
        try:
            self.show(most)
        finally:
            gdb.execute(f"set language {language}", to_string=True)

    def show(self, most):
        try:
            service = gdb.parse_and_eval("coroexec::detail::ContextService::first_in_process")
        except gdb.error as error:
            raise gdb.GdbError(f"the types of libcoroexec are not known here ({error}): build it with -g")
        scopes = []
        while address(service):
            for engine in vector(service["engines_"]):
                if not engine["gates_"]:
                    scopes.append(Scope(engine.dereference(), most))
            service = service["next_in_process"]
        scopes = [scope for scope in scopes if scope.jobs or not scope.label.startswith("the context")]
        scopes.sort(key=lambda scope: scope.number)
        waits = dict(wait for scope in scopes for wait in scope.waits())
        known = {job.key for scope in scopes for job in scope.jobs}

        def show(scope, depth):
            print("  " * depth + scope.line())
            for job in scope.jobs:
                print("  " * (depth + 1) + job.line(waits))
                for inner in scopes:
                    if inner.parent == job.key:
                        show(inner, depth + 2)
            if scope.left_out:
                print("  " * (depth + 1) + f"and {scope.left_out} more jobs, queued")

        for scope in scopes:
            if scope.parent not in known:
                show(scope, 0)
        if not scopes:
            print("nothing runs")


Tree()
