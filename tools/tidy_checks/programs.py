"""Sources of programs: main, options, what is printed. No node runs in them, so they go to the machine themselves."""

FOLDERS = {
    "src/cmd/": "the programs of the house",
}
FILES = {
    "src/sim/aspen-lincheck.c": "main: reads a history, prints the verdict",
    "src/sim/aspen-sim.c": "main",
    "src/sim/artifact.c": "writes the file about a run, with the real date",
    "src/sim/chance.c": "plays GnuTLS's chance and clock, in aspen-sim alone",
    "src/sim/options.c": "the command line of aspen-sim",
    "src/sim/run.c": "measures real time, prints what came out",
    "src/sim/shrink.c": "tries worlds in processes of their own",
}

# What others call by its name: no prefix, no caller among us.
CALLED = {
    "main": "the C runtime",
    "gnutls_rnd": "GnuTLS and ngtcp2, by the table of symbols",
}


def has(source):
    return source in FILES or source.startswith(tuple(FOLDERS))
