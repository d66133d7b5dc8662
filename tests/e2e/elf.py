"""Executables as files: the part of ELF that tells how a program is hardened. 64 bits, little-endian: amd64 and arm64.

Each rule of RULES looks at one and says what is wrong, or nothing; `mistakes` asks all of them.
"""
import getpass
import re
import struct
from collections import namedtuple
from pathlib import Path

ET_DYN = 3
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_GNU_STACK, PT_GNU_RELRO = 1, 2, 3, 0x6474E551, 0x6474E552
PF_X, PF_W = 1, 2
SHT_SYMTAB = 2
DT_NEEDED, DT_JMPREL, DT_RPATH, DT_TEXTREL, DT_BIND_NOW, DT_RUNPATH, DT_FLAGS, DT_FLAGS_1 = 1, 23, 15, 22, 24, 29, 30, 0x6FFFFFFB
DF_TEXTREL, DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 4, 8, 1, 0x08000000
MACHINES = {62: "amd64", 183: "arm64"}

Segment = namedtuple("Segment", "kind flags offset address physical file_bytes bytes alignment")
Section = namedtuple("Section", "name kind flags address offset bytes link info alignment entry_bytes")


class Elf:
    def __init__(self, path):
        self.path = Path(path)
        self.bytes = self.path.read_bytes()
        assert self.bytes[:6] == b"\x7fELF\x02\x01", f"{path}: no ELF file of 64 bits, little-endian"
        (self.type, machine, _, self.entry, segments, sections, _, _, segment_bytes, segment_count, section_bytes, section_count,
         names) = struct.unpack_from("<HHIQQQIHHHHHH", self.bytes, 16)
        self.architecture = MACHINES[machine]
        self.segments = [Segment(*struct.unpack_from("<IIQQQQQQ", self.bytes, segments + i * segment_bytes)) for i in range(segment_count)]
        rows = [struct.unpack_from("<IIQQQQIIQQ", self.bytes, sections + i * section_bytes) for i in range(section_count)]
        self.sections = [Section(self.text(rows[names][4] + row[0]), *row[1:]) for row in rows]

    def text(self, offset):
        return self.bytes[offset : self.bytes.index(0, offset)].decode()

    def only(self, kind):
        """The one segment of a kind, or None."""
        found = [segment for segment in self.segments if segment.kind == kind]
        assert len(found) < 2
        return found[0] if found else None

    @property
    def dynamic(self):
        """The dynamic section: {tag: value}."""
        segment = self.only(PT_DYNAMIC)
        if segment is None:
            return {}
        rows = list(struct.iter_unpack("<QQ", self.bytes[segment.offset : segment.offset + segment.file_bytes]))
        return dict(rows[: [tag for tag, _ in rows].index(0)])

    @property
    def symbols(self):
        """{name: address} of the functions and objects that are defined; empty in a stripped file."""
        result = {}
        for section in self.sections:
            if section.kind == SHT_SYMTAB:
                names = self.sections[section.link].offset
                for name, info, _, place, address, _ in struct.iter_unpack("<IBBHQQ", self.bytes[section.offset : section.offset + section.bytes]):
                    if place != 0 and info & 15 in (1, 2):
                        result[self.text(names + name)] = address
        return result


# ---- the rules ----

def static_pie(elf):
    """May be loaded anywhere, and relocates itself: nobody else's code runs before its own."""
    if elf.type != ET_DYN or not elf.dynamic.get(DT_FLAGS_1, 0) & DF_1_PIE:
        yield "is not position independent"
    if elf.only(PT_INTERP) is not None:
        yield "names a loader"
    if DT_NEEDED in elf.dynamic:
        yield "needs shared libraries"


def full_relro(elf):
    """All that relocation writes is known at start, and lies on pages that can be made read-only then."""
    flags = elf.dynamic.get(DT_FLAGS, 0)
    if not (flags & DF_BIND_NOW or DT_BIND_NOW in elf.dynamic or elf.dynamic.get(DT_FLAGS_1, 0) & DF_1_NOW) or DT_JMPREL in elf.dynamic:
        yield "binds some functions when they are first called"
    segment = elf.only(PT_GNU_RELRO)
    if segment is None or (segment.address + segment.bytes) % 4096 != 0:
        yield "has no whole pages that become read-only"
    else:
        for name in (".dynamic", ".got", ".data.rel.ro", ".init_array", ".fini_array"):
            for section in elf.sections:
                if section.name == name and not segment.address <= section.address < segment.address + segment.bytes:
                    yield f"leaves {name} writable"


def no_executable_stack(elf):
    segment = elf.only(PT_GNU_STACK)
    if segment is None or segment.flags & PF_X:
        yield "may execute its stack"


def no_writable_code(elf):
    for segment in elf.segments:
        if segment.kind == PT_LOAD and segment.flags & PF_W and segment.flags & PF_X:
            yield "has a segment that is both writable and executable"
    if DT_TEXTREL in elf.dynamic or elf.dynamic.get(DT_FLAGS, 0) & DF_TEXTREL:
        yield "relocates its code"


def no_search_path(elf):
    if DT_RPATH in elf.dynamic or DT_RUNPATH in elf.dynamic:
        yield "names folders to look for libraries in"


def stripped(elf):
    for section in elf.sections:
        if section.kind == SHT_SYMTAB or re.match(r"\.(comment|debug|note|strtab)", section.name):
            yield f"has a section {section.name}"


def anonymous(elf):
    """Nothing tells where, or by whom, it was built."""
    places = {str(Path(__file__).resolve().parents[2]), str(elf.path.resolve().parent), str(Path.home()), f"/{getpass.getuser()}"}
    places = {place.rstrip("/") + "/" for place in places} | {"/home/", "/usr/lib/gcc", "/usr/src/", "/var/lib/", ".cache/"}
    for place in sorted(places - {"/"}):
        for hit in re.finditer(rb"[\x20-\x7e]*" + re.escape(place.encode()) + rb"[\x20-\x7e]*", elf.bytes):
            if b"%s/" not in hit.group():
                yield f"holds the text '{hit.group().decode()}'"


RULES = [static_pie, full_relro, no_executable_stack, no_writable_code, no_search_path, stripped, anonymous]


def mistakes(path):
    elf = Elf(path)
    return [f"{rule.__name__}: {words}" for rule in RULES for words in rule(elf)]
