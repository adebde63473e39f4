#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""mutate.py - do the unit tests notice when a check is taken out?

Each mutant is one file with one change: a condition that never holds or holds when it must not, an
operand of && or || left out, a comparison or a constant off by one, another return value, another
verdict. It is compiled, linked before the archive of all modules, and the unit programs that link the
file run until one fails (killed). For one that survives them all those that have killed others of the
file run again with sanitizers; what is left and has the same machine code as the original is equal.
The rest is to be listed, with the reason why no test can tell, or a test is missing.

The list (--listed): a mutant as this program prints it, and below it, indented, the reason.
Exit status: 0; 1: a mutant survives that is not listed, or one is listed that does not.
"""
import argparse
import concurrent.futures
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

TOKEN = re.compile(r'''
    (?P<space>\s+|//[^\n]*|/\*.*?\*/) | (?P<directive>\#(?:[^\n\\]|\\.|\\\n)*) |
    (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*') | (?P<number>\d[\w.]*) | (?P<word>[A-Za-z_]\w*) |
    (?P<mark>->|\+\+|--|<<=?|>>=?|&&|\|\||[-+*/%&|^=!<>]=|[^\s\w])''', re.X | re.S)
DEFINE = re.compile(r'#\s*define\s+\w+\s+(?:\\\n\s*)?\(?(\d\w*)\)?\s*(?:/\*.*)?$', re.S)
COMPARED = {'<': '<=', '<=': '<', '>': '>=', '>=': '>', '==': '!=', '!=': '=='}
RETURNED = {'true': 'false', 'false': 'true', 'PARSE_BAD': 'PARSE_MORE', 'PARSE_MORE': 'PARSE_BAD',
            'PARSE_OK': 'PARSE_BAD', 'PARSE_ABSENT': 'PARSE_OK', 'NULL': None}
VERDICTS = {'VERDICT_PASS': '0', 'VERDICT_RESET': 'VERDICT_PASS', 'VERDICT_ICMP': 'VERDICT_PASS',
            'VERDICT_PIN': 'VERDICT_ACCEPT', 'VERDICT_HTTP_SENT': 'VERDICT_HTTP_READ',
            'VERDICT_ACCEPT': 'VERDICT_PASS', 'SYN_REFUSE': 'SYN_READ', 'SYN_ACCEPT': 'SYN_READ',
            'SYN_READ': 'SYN_REFUSE', 'POLICY_DENIED': 'POLICY_ALLOWED', 'POLICY_UNKNOWN': 'POLICY_ALLOWED'}
OPENS, CLOSES = '([{', ')]}'
CPU_SECONDS, WALL_SECONDS, MEMORY = 3, 120, 4 << 30  # CPU_SECONDS: besides thrice what a unit takes


class Token:
    def __init__(self, kind, text, at):
        self.kind, self.text, self.at, self.end = kind, text, at, at + len(text)


def tokens_of(source):
    return [Token(m.lastgroup, m.group(), m.start()) for m in TOKEN.finditer(source) if m.lastgroup != 'space']


def partner(tokens, i):
    """The index of what closes the bracket at i."""
    depth = 0
    for j in range(i, len(tokens)):
        depth += tokens[j].kind == 'mark' and (tokens[j].text in OPENS) - (tokens[j].text in CLOSES)
        if depth == 0:
            return j
    raise ValueError('a bracket that nothing closes')


def functions(tokens):
    """(name, first, last) of each function's body."""
    i = 0
    while i < len(tokens):
        if tokens[i].text == '{' and tokens[i].kind == 'mark':
            end = partner(tokens, i)
            if i and tokens[i - 1].text == ')':
                depth, j = 0, i - 1
                while True:
                    depth += (tokens[j].text == ')') - (tokens[j].text == '(')
                    if depth == 0:
                        break
                    j -= 1
                yield tokens[j - 1].text, i, end
            i = end
        i += 1


def operand(tokens, i, step, stops):
    """How far the operand beside the operator at i goes."""
    j = i + step
    inward, outward = (OPENS, CLOSES) if step > 0 else (CLOSES, OPENS)
    depth = 0
    while True:
        t = tokens[j]
        if t.kind == 'mark' and t.text in outward:
            if depth == 0:
                return j - step
            depth -= 1
        elif t.kind == 'mark' and t.text in inward:
            depth += 1
        elif depth == 0 and (t.text in stops or t.text in (',', ';', '?', ':', 'return') or
                             re.fullmatch(r'[-+*/%&|^]?=|<<=|>>=', t.text)):
            return j - step
        j += step


def changes_in(tokens, first, last):
    """(start, end, replacement) in one function."""
    weighed = []  # token ranges whose constants count
    skipped = set()
    for i in range(first, last):
        word = tokens[i].text
        if word in ('assert', 'static_assert'):
            skipped.update(range(i, partner(tokens, i + 1) + 1))
        elif word in ('if', 'while') and tokens[i + 1].text == '(':
            end = partner(tokens, i + 1)
            a, b = tokens[i + 1].end, tokens[end].at
            weighed.append((i, end))
            if not (word == 'while' and end == i + 3):  # while (1)
                yield a, b, '0'
            if word == 'if':
                yield a, b, lambda old: f'!({old})'
        elif word == 'for':
            weighed.append((i, partner(tokens, i + 1)))
        elif word == 'return':
            end = next(j for j in range(i, last) if tokens[j].text == ';')
            weighed.append((i, end))
            told = {t.text for t in tokens[i + 1:end] if t.kind == 'mark'}
            if end == i + 2 and RETURNED.get(tokens[i + 1].text):
                yield tokens[i + 1].at, tokens[i + 1].end, RETURNED[tokens[i + 1].text]
            elif told & ({'&&', '||', '!'} | set(COMPARED)) and '?' not in told and '{' not in told:
                yield tokens[i + 1].at, tokens[end - 1].end, lambda old: f'!({old})'
    for i in range(first, last):
        t = tokens[i]
        if i in skipped:
            continue
        if t.text in ('&&', '||') and t.kind == 'mark':
            stops = ('&&', '||') if t.text == '&&' else ('||',)
            left, right = operand(tokens, i, -1, stops), operand(tokens, i, 1, stops)
            neutral = '1' if t.text == '&&' else '0'
            yield tokens[left].at, tokens[i - 1].end, neutral
            yield tokens[i + 1].at, tokens[right].end, neutral
        elif t.text in COMPARED and t.kind == 'mark':
            yield t.at, t.end, COMPARED[t.text]
        elif t.text in VERDICTS and tokens[i - 1].text != 'case' and tokens[i - 1].text not in COMPARED:
            yield t.at, t.end, VERDICTS[t.text]
        elif t.text == 'verdict' and tokens[i + 1].text == '(':
            end = partner(tokens, i + 1)
            if tokens[end - 1].text == '0':
                yield tokens[end - 1].at, tokens[end - 1].end, 'VERDICT_PASS'
        elif t.kind == 'number' and any(a < i < b for a, b in weighed):
            yield from off_by_one(t.text, t.at, t.end)


def off_by_one(text, at, end):
    m = re.fullmatch(r'(0[xX][0-9a-fA-F]+|\d+)([uUlL]*)', text)
    if m:
        value = int(m[1], 0)
        yield at, end, f'{value + 1}{m[2]}'
        if value > 0:
            yield at, end, f'{value - 1}{m[2]}'


class Mutant:
    def __init__(self, path, source, start, end, new, function):
        self.path, self.line = path, source.count('\n', 0, start) + 1
        old = source[start:end]
        new = new(old) if callable(new) else new
        self.source = source[:start] + new + source[end:]
        head = source[source.rfind('\n', 0, start) + 1:start]
        tail = source[end:source.index('\n', end)]
        self.name = ' '.join(f'{path} {function}: {head}[[{old} => {new}]]{tail}'.split())


def mutants_of(path):
    with open(path, encoding='utf-8') as f:
        source = f.read()
    tokens = tokens_of(source)
    found = {}
    for t in tokens:
        m = t.kind == 'directive' and DEFINE.match(t.text)
        if m:
            for at, end, new in off_by_one(m[1], t.at + m.start(1), t.at + m.end(1)):
                found.setdefault((at, end, new), 'define')
    for name, first, last in functions(tokens):
        for at, end, new in changes_in(tokens, first, last):
            key = new(source[at:end]) if callable(new) else new
            found.setdefault((at, end, key), name)
    seen, out = {}, []
    for (at, end, new), function in sorted(found.items()):
        m = Mutant(path, source, at, end, new, function)
        seen[m.name] = seen.get(m.name, 0) + 1
        if seen[m.name] > 1:
            m.name += f' #{seen[m.name]}'
        out.append(m)
    return out


class Flavour:
    """Objects as make has built them, and how to build more of their kind."""

    def __init__(self, folder, flags, link, libs, memory, slowness):
        self.folder, self.flags, self.link, self.libs = folder, flags, link, libs
        self.memory, self.slowness = memory, slowness
        self.archive = f'{folder}/modules.a'

    def compile(self, path, text, include, out):
        # elsewhere: what is in the current folder would come before include
        return subprocess.run(['gcc', '-std=c11', '-w', *self.flags, *include, '-D_GNU_SOURCE', f'-I{os.getcwd()}',
                               '-DSECCTL_VERSION="mutant"', '-x', 'c', '-c', '-o', out, '-'],
                              input=text.encode(), stderr=subprocess.DEVNULL, cwd=os.path.dirname(out),
                              check=False).returncode == 0

    def run(self, unit, objects, work):
        """True when the unit, linked with these objects, passes."""
        program = f'{work}/{unit.name}'
        own = objects.pop(unit.source, f'{self.folder}/{unit.source[:-2]}.o')
        subprocess.run(['gcc', *self.link, '-o', program, own, *objects.values(), self.archive, *unit.link,
                        *self.libs], check=True)

        seconds = int(CPU_SECONDS + 3 * (unit.seconds or CPU_SECONDS) * self.slowness)

        def limit():
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if self.memory:
                resource.setrlimit(resource.RLIMIT_AS, (self.memory, self.memory))

        try:
            return subprocess.run([program], preexec_fn=limit, timeout=WALL_SECONDS, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            os.unlink(program)


class Unit:
    def __init__(self, source):
        self.source, self.name = source, os.path.basename(source)[:-2]
        with open(source, encoding='utf-8') as f:
            self.link = shlex.split(' '.join(re.findall(r'^.*LINK: *(.*)$', f.read(), re.M)))
        self.sources = {source}  # that are linked into it
        self.seconds, self.kills = None, 0


def symbols(path):
    """object -> (defined, undefined)"""
    out = {}
    for line in subprocess.run(['nm', '-A', path], capture_output=True, text=True, check=True).stdout.splitlines():
        m = re.match(r'(.*?):(?:[0-9a-f]* +)?([A-Za-z]) (\S+)$', line)
        if m:
            member = re.sub(r'^.*modules\.a:', '', m[1])
            defined, undefined = out.setdefault(member, (set(), set()))
            if m[2] == 'U':
                undefined.add(m[3])
            elif m[2].isupper():
                defined.add(m[3])
    return out


def find_units(sources, flavour):
    units = [Unit(s) for s in sources]
    members = symbols(flavour.archive)
    home = {symbol: member for member, (defined, _) in members.items() for symbol in defined}
    for unit in units:
        pending = list(symbols(f'{flavour.folder}/{unit.source[:-2]}.o').popitem()[1][1])
        pending += [w for a in unit.link for w in re.findall(r'--wrap=(\w+)', a)]
        while pending:
            member = home.get(pending.pop().removeprefix('__wrap_').removeprefix('__real_'))
            source = member and re.sub(r'\.o$', '.c', member.removeprefix(flavour.folder + '/'))
            if source and source not in unit.sources:
                unit.sources.add(source)
                pending += members[member][1]
    return units


def users(path, units, flavour):
    """The sources that are compiled again for a mutant of path."""
    if path.endswith('.c'):
        return {path}
    out = set()
    for source in set().union(*(u.sources for u in units)):
        with open(f'{flavour.folder}/{source[:-2]}.d', encoding='utf-8') as f:
            if path in f.read().split():
                out.add(source)
    return out


class File:
    """All mutants of one file, and what became of each."""

    def __init__(self, path, units, fast, careful, jobs):
        self.path, self.fast, self.careful, self.jobs = path, fast, careful, jobs
        self.again = users(path, units, fast)
        self.units = [u for u in units if u.sources & self.again]
        self.mutants = mutants_of(path)
        self.killed, self.equal, self.unbuilt, self.left = [], [], [], []

    def check_units(self):
        for unit in self.units:
            if unit.seconds is None:
                with tempfile.TemporaryDirectory() as work:
                    started = time.monotonic()
                    if not self.fast.run(unit, {}, work):
                        sys.exit(f'mutate: {unit.name} fails without a change')
                    unit.seconds = time.monotonic() - started
        stem = re.sub(r'.*/|\.[ch]$', '', self.path)
        for unit in self.units:
            unit.kills = int(unit.name.startswith('test_' + stem))

    def objects(self, mutant, flavour, sources, done, work):
        """Compile what of sources the mutant changes; None when it does not compile."""
        include = []
        if not self.path.endswith('.c'):
            os.makedirs(f'{work}/include/{os.path.dirname(self.path)}', exist_ok=True)
            with open(f'{work}/include/{self.path}', 'w', encoding='utf-8') as f:
                f.write(mutant.source)
            include = [f'-I{work}/include']
        for source in sources & self.again - done.keys():
            text = mutant.source
            if source != self.path:
                with open(source, encoding='utf-8') as f:
                    text = f.read()
            out = f'{work}/{source.replace("/", "_")[:-2]}.o'
            if not flavour.compile(source, text, include, out):
                return None
            done[source] = out
        return {s: done[s] for s in sources & self.again}

    def survives(self, mutant, flavour, units):
        """True, False, or None when it does not compile."""
        done = {}
        with tempfile.TemporaryDirectory() as work:
            for unit in sorted(units, key=lambda u: (-u.kills, u.seconds)):
                objects = self.objects(mutant, flavour, unit.sources, done, work)
                if objects is None:
                    return None
                if not flavour.run(unit, objects, work):
                    unit.kills += 1
                    return False
        return True

    def is_equal(self, mutant):
        if not self.path.endswith('.c'):
            return False
        optimized = Flavour('', ['-O2', '-fPIE'], [], [], 0, 1)
        with tempfile.TemporaryDirectory() as work, open(self.path, encoding='utf-8') as f:
            for name, text in ('a', f.read()), ('b', mutant.source):
                if not optimized.compile(self.path, text, [], f'{work}/{name}'):
                    return False
            with open(f'{work}/a', 'rb') as a, open(f'{work}/b', 'rb') as b:
                return a.read() == b.read()

    def killers(self):
        """The units that have killed some: for the slow runs."""
        return [u for u in self.units if u.kills > 0] or self.units

    def judge(self, mutant):
        fate = self.survives(mutant, self.fast, self.units)
        if fate is None:
            self.unbuilt.append(mutant)
        elif fate and self.is_equal(mutant):
            self.equal.append(mutant)
        elif fate and (self.careful is None or self.survives(mutant, self.careful, self.killers()) is not False):
            self.left.append(mutant)
        else:
            self.killed.append(mutant)

    def run(self):
        self.check_units()
        with concurrent.futures.ThreadPoolExecutor(self.jobs) as pool:
            for _ in pool.map(self.judge, self.mutants):
                pass


def read_list(path):
    """mutant -> reason"""
    out, name = {}, None
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.startswith('#') or not line.strip():
                continue
            if not line[0].isspace():
                name = line.strip()
                out[name] = ''
            elif name is None:
                sys.exit(f'mutate: {path}: a reason without a mutant')
            else:
                out[name] = f'{out[name]} {line.strip()}'.strip()
    for name, reason in out.items():
        if not reason:
            sys.exit(f'mutate: {path}: no reason for {name}')
    return out


def report(file, listed, is_whole):
    """Prints a file's count; True when all is as it should be."""
    own = {n for n in listed if n.startswith(file.path + ' ')}
    left = {m.name for m in file.left}
    stale = own - left - {m.name for m in file.equal} if is_whole else set()
    missing = [m for m in file.left if m.name not in own]
    print(f'{file.path}: {len(file.mutants) - len(file.unbuilt)} made, {len(file.killed)} killed, '
          f'{len(file.equal)} the same code, {len(own & left)} listed, {len(missing)} survive')
    for m in sorted(missing, key=lambda m: m.line):
        print(f'  {m.path}:{m.line}: survives\n{m.name}')
    for name in sorted(stale):
        print(f'  listed, but killed or no mutant:\n{name}')
    sys.stdout.flush()
    return not missing and not stale


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--objects', required=True, help='folder of a build without sanitizers')
    p.add_argument('--sanitized', help='folder of one with; survivors run again')
    p.add_argument('--sanitize', default='', help="its compiler's flags")
    p.add_argument('--libs', default='')
    p.add_argument('--units', required=True, help='their sources')
    p.add_argument('--listed', help='file of the mutants that no test can kill')
    p.add_argument('--every', type=int, default=1, metavar='N', help='only each Nth mutant; nothing is stale then')
    p.add_argument('--jobs', type=int, default=os.cpu_count())
    p.add_argument('files', nargs='+')
    args = p.parse_args()
    libs = shlex.split(args.libs)
    gold = ['-fuse-ld=gold'] if shutil.which('ld.gold') else []  # twice as fast
    fast = Flavour(args.objects, ['-O0', '-fPIE'], ['-pie', *gold], libs, MEMORY, 1)
    flags = shlex.split(args.sanitize)
    careful = Flavour(args.sanitized, flags, flags + gold, libs, 0, 10) if args.sanitized else None
    listed = read_list(args.listed) if args.listed else {}
    units = find_units(args.units.split(), fast)
    fine, total = True, [0, 0, 0, 0]
    for path in args.files:
        file = File(path, units, fast, careful, args.jobs)
        file.mutants = file.mutants[args.every // 2::args.every]
        if not file.units:
            sys.exit(f'mutate: {path}: no unit test links it')
        file.run()
        fine = report(file, listed, args.every == 1) and fine
        for i, n in enumerate((len(file.mutants) - len(file.unbuilt), len(file.killed), len(file.equal), len(file.left))):
            total[i] += n
    print('mutate: {} made, {} killed, {} the same code, {} left'.format(*total))
    return 0 if fine else 1


if __name__ == '__main__':
    sys.exit(main())
