// The text of --help. Kept by hand, in groups: a generated table would list thirty options in one column.
#include "runtime/options.h"

namespace shrike {

std::string_view help_text() {
  return R"(USAGE:
    shrike [options] FILE [arguments] [-- --name=value...]
    shrike [options] -e 'program' [arguments]
    shrike check [--kernel VERSION,...|--min-kernel] FILE|OBJECT.o|-e 'program'
    shrike -l [pattern]

OPTIONS:
    -e PROGRAM             run this text
    -                      read the program from standard input
    -l [PATTERN|FILE]      list probes (default *:*); with -v their arguments
    -c COMMAND             start COMMAND and trace until it ends
    -p PID                 trace only this process, until it ends
    -o FILE                write the trace to FILE
    -f text|json           format of the trace, or of what `check` finds
    -B line|full|none      buffering of the trace (default line)
    -q, --quiet            leave out messages about attaching
    -v, --verbose          show the verifier's logs and what is done
    -k, --warnings         report failed reads and look-ups at run time
    --no-warnings          report no warnings
    --unsafe               allow system(), signal() and the like
    --dry-run              load and attach, then leave
    --no-feature LIST      do without kprobe_multi, uprobe_multi, kprobe_session of the kernel
    --test, --bench        run the script's test or bench probes, and attach nothing
    --probe-filter REGEX   only those of them whose name has this in it
    --debuginfo DIR[:DIR]  where to look for separate debug files first
    --fmt                  print the program in its standard layout, and stop
    --info                 what this kernel supports
    -V, --version          version
    -h, --help             this text
    -I DIR                 search DIR for the headers that the script includes
    --include FILE         read this header first, as if the script included it

OTHER KERNELS:
    check [--kernel LIST]  whether kernels would load the programs, by a model of their verifier, without any
                           privilege; LIST is versions separated by commas, or all (default: those from 6.1 on). Exit
                           status 0: all accepted, 1: some refused, 2: some unknown
    check --log            also the verifier's log, as such a kernel would write it
    check --min-kernel     the oldest kernel for each program, and what in the script needs it

THE COMPILER AT WORK:
    --emit=WHAT            print ast, checked, mir, llvm, lir, asm or elf, and stop
    --emit-elf FILE        write the programs as an ELF file, and stop
    --emit-llvm FILE       write the programs as LLVM IR text, and stop
    -d STAGE               print a stage, then go on: ast, types, codegen, codegen-opt, libbpf, verifier, all
    --print-after=PASS     print the program after a pass; all for every pass
    --stop-after=PASS      stop after a pass and print what it made
    --stop-after=load      load the programs, attach and run none
    --skip=PASS            leave out an optional pass
    --passes=PASS,...      run these passes over the MIR, in this order, instead of the usual ones
    --pass-limit=N         optional passes change functions N times, and no more; each time is told
    --run-pass=PASS        run one pass on a .mir file and print what it made
    --report=FILE          write what each program became and took, as JSON, and go on; - is standard output
    --time-passes          how long each pass took
    --time-start           where the time of the start went, with its system calls
    --isa=1|2|3|4          the level of BPF instructions to use (default: what the kernel knows, v4 from 6.6 on)
    --regalloc=spill-everything   keep nothing in registers

A program may also be a .mir or .lir file, as --emit prints them.

EXAMPLES:
    shrike -e 'tracepoint:syscalls:sys_enter_openat { printf("%s %s\n", comm, str(args.filename)); }'
    shrike -e 'tracepoint:raw_syscalls:sys_enter { @[comm] = count(); }'
    shrike -l 'tracepoint:sched:*'
)";
}

}  // namespace shrike
