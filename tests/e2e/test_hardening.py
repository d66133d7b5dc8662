"""How the binary defends itself, read from the file and seen in the running program. Each rule first has to find a program built badly on purpose."""
import os
import re
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest

from elf import PT_GNU_RELRO, Elf, mistakes
from jobs import BINARY, HOOKS_BINARY, run

PROGRAM = """
const char *const words[] = {"one", "two"};
int number = 1;
%s
void _start(void) { for (;;) number += words[number & 1][0]; }
"""
STATIC_PIE = "-static-pie -fPIE -Wl,-z,relro,-z,now,-z,noexecstack,--build-id=none"
STRIP = "strip -s -R .comment"


def build(folder, options=STATIC_PIE, more="", strip=STRIP):
    """A program without a library, built on purpose in one way or the other; it is looked at and not run."""
    source = folder / "program.c"
    source.write_text(PROGRAM % more)
    subprocess.run(["gcc", "-O1", "-nostdlib", "-ffreestanding", "-fno-stack-protector", *options.split(), source, "-o", folder / "program"], check=True)
    if strip:
        subprocess.run([*strip.split(), folder / "program"], check=True)
    return folder / "program"


# ---- the file ----

@pytest.mark.parametrize("binary", [BINARY, HOOKS_BINARY, Path(BINARY).parent / "arm64/train"], ids=["train", "train-hooks", "arm64"])
def test_the_binary_breaks_no_rule(binary):
    if not os.path.exists(binary):
        pytest.skip(f"'{binary}' is not built: 'make ARCH=arm64' does it")
    assert mistakes(binary) == []


def test_nor_does_a_program_built_like_it(tmp_path):
    assert mistakes(build(tmp_path)) == []


BAD = {
    "fixed address": ({"options": "-static -no-pie -fno-pie -Wl,-z,noexecstack,--build-id=none"}, "static_pie: is not position independent"),
    "loader": ({"options": STATIC_PIE.replace("-static-pie", "-pie")}, "static_pie: names a loader"),
    "lazy": ({"options": STATIC_PIE.replace("now", "lazy")}, "full_relro: binds some functions when they are first called"),
    "no relro": ({"options": STATIC_PIE.replace("relro", "norelro")}, "full_relro: has no whole pages that become read-only"),
    "executable stack": ({"options": STATIC_PIE.replace("noexecstack", "execstack")}, "no_executable_stack: may execute its stack"),
    "writable code": ({"more": '__attribute__((section(".wx,\\"awx\\",@progbits#"))) int both = 1;'},
                      "no_writable_code: has a segment that is both writable and executable"),
    "relocated code": ({"options": STATIC_PIE + " -Wl,-z,notext", "more": '__asm__(".text\\n.quad number\\n");'},
                       "no_writable_code: relocates its code"),
    "search path": ({"options": STATIC_PIE.replace("-static-pie", "-pie") + " -Wl,-rpath,/opt/lib"},
                    "no_search_path: names folders to look for libraries in"),
    "symbols": ({"strip": "strip -R .comment --keep-symbol=number"}, "stripped: has a section .symtab"),
    "comment": ({"strip": "strip -s"}, "stripped: has a section .comment"),
    "place": ({"more": 'const char place[] = __FILE__ " in /home/someone/train";'}, "anonymous: holds the text '"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_rule_finds_a_program_that_breaks_it(tmp_path, case):
    how, expected = BAD[case]
    found = mistakes(build(tmp_path, **how))
    assert any(line.startswith(expected) for line in found), found


# One function of everything that reads what comes from outside: ours, then a library's each.
GUARDED = {"mask_text", "printf_core", "__res_msend_rc", "Curl_http_write_resp_hd", "br_ssl_hs_client_run", "tar_read_header", "HUF_readDTableX1_wksp"}


def test_its_functions_are_guarded():
    """What follows shows that one guard works: here that there are many, in the libraries too."""
    code = subprocess.run(["objdump", "-d", "--no-show-raw-insn", BINARY + ".full"], capture_output=True, text=True, check=True).stdout
    functions = re.split(r"^[0-9a-f]+ <(.*)>:$", code, flags=re.MULTILINE)
    guarded = {name for name, body in zip(functions[1::2], functions[2::2]) if re.search(r"(?:call|bl?)\s.*<__stack_chk_fail", body)}
    assert not GUARDED - guarded


# ---- the running program ----

Mapping = namedtuple("Mapping", "begin end rights file")
SHOW_MAPS = ("--", "sh", "-c", "cat /proc/$PPID/maps")


def maps_of(result):
    assert result.code == 0, result.err
    rows = [re.fullmatch(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)", line) for line in result.pipeline]
    assert all(rows) and rows
    return [Mapping(int(row[1], 16), int(row[2], 16), row[3], row[4]) for row in rows]


def base_of(maps):
    return min(each.begin for each in maps if each.file == os.path.realpath(BINARY))


def writable_relro(maps):
    """What is writable of the pages that were to become read-only."""
    segment = Elf(BINARY).only(PT_GNU_RELRO)
    begin = base_of(maps) + segment.address
    return [each for each in maps if "w" in each.rights and each.begin < begin + segment.bytes and begin < each.end]


def test_what_relocation_wrote_is_read_only_and_nothing_is_writable_and_executable(job):
    maps = maps_of(run(*SHOW_MAPS, job=job))
    assert writable_relro(maps) == []
    assert [each for each in maps if "w" in each.rights and "x" in each.rights] == []
    assert writable_relro([each._replace(rights="rw-p") if each.file else each for each in maps])  # it would be seen


def test_it_is_loaded_somewhere_else_each_time(job):
    if Path("/proc/sys/kernel/randomize_va_space").read_text().strip() == "0":
        pytest.skip("this kernel loads every program at the same place")
    assert base_of(maps_of(run(*SHOW_MAPS, job=job))) != base_of(maps_of(run(*SHOW_MAPS, job=job)))
    fixed = [base_of(maps_of(run(*SHOW_MAPS, job=job, before=["setarch", "-R"]))) for _ in range(2)]
    assert fixed[0] == fixed[1]  # what the same place looks like


def test_a_frame_that_was_written_over_ends_it(job):
    """One word is written behind an array, by the binary with hooks: without a guard the next line of the hook would abort."""
    result = run("--", "true", job=job, binary=HOOKS_BINARY, env={"TRAIN_TEST_CRASH": "run:smash"})
    guard = Elf(HOOKS_BINARY + ".full").symbols["__stack_chk_fail"]
    assert result.code == 70
    place = int(re.search(r"SIGSEGV at 0x([0-9a-f]+)", result.failure)[1], 16)
    assert guard <= place < guard + 16
