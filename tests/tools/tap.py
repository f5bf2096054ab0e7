"""TAP from Python: one line a test, with what it saw where it failed."""


class Tap:
    def __init__(self):
        self.count = self.failed = 0

    def test(self, name, good, *why):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.count} - {name}")
        for line in () if good else why:
            print(f"#   {line}")

    def skip(self, name, why):
        self.count += 1
        print(f"ok {self.count} - {name} # SKIP {why}")

    def done(self):
        """The plan; the exit status."""
        print(f"1..{self.count}")
        return 1 if self.failed else 0
