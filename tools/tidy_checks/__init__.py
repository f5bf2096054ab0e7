"""The machine checks of the house, one module a check: NAME, and check(tree), which yields findings."""
from . import (braces, cards, clang_format, dead, docs, files, layers, leftovers, lengths, marks, prefixes,
               registered, statics, symbols)

CHECKS = (clang_format, layers, symbols, prefixes, statics, lengths, braces, cards, leftovers, dead, files, registered,
          marks, docs)
