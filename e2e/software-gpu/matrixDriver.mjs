/**
 * lavapipe of Mesa 26, whose cooperative matrices give Dawn real subgroup matrices without a GPU, beside the older lavapipe
 * that the other tests use. Where the machine's own Mesa is old, Debian packages are downloaded once (63 MB) and unpacked into
 * .cache/matrix-driver (310 MB). Nothing is installed, and root is not needed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lavapipeEnv, paths } from './environment.mjs';
import { debianSource, installedVersions, major } from './packages.mjs';
import { fail, run, say } from './run.mjs';

const MESA = 'mesa-vulkan-drivers';
/** The first with VK_KHR_cooperative_matrix in lavapipe that Dawn accepts. */
const OLDEST_MESA = 26;
const RELEASE = 'trixie';
const SUITES = `${RELEASE} ${RELEASE}-backports`;
/** With the C library come those that must not be older than the programs that load them. */
const C_LIBRARY = /^(libc6|libgcc-s1|libstdc\+\+6)_/;
const ICD = 'lvp_icd.json';

const folder = join(paths.cache, '..', 'matrix-driver');
const root = join(folder, 'root');
const stamp = join(folder, 'stamp.json');

const HINT = `The packages of ${SUITES} are downloaded once. Start this again where Debian's mirror can be reached, or copy
${folder} from a machine where it could.`;

/** The C library of this process, as `2.36`; undefined where it is not GNU's. */
const glibc = () => process.report.getReport().header.glibcVersionRuntime;

/** @param {string} a @param {string} b two versions of a C library */
const isOlder = (a, b) => a.localeCompare(b, 'en', { numeric: true }) < 0;

/**
 * Has apt resolve what Mesa needs on a machine without any package and downloads all of it. Lists, status and archives lie in
 * `work`: nothing of the machine's own packages matters or changes.
 * @param {string} work @returns {string[]} paths of the packages
 */
function download(work) {
  const [source, status, cache] = ['apt.sources', 'status', 'cache'].map((name) => join(work, name));
  for (const path of ['lists/partial', 'cache/archives/partial'])
    mkdirSync(join(work, path), { recursive: true });
  writeFileSync(source, debianSource(SUITES));
  writeFileSync(status, '');
  const options = {
    'Dir::Etc::sourcelist': source,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'Dir::State::lists': join(work, 'lists'),
    'Dir::State::status': status,
    'Dir::Cache': cache,
    'Acquire::Languages': 'none',
    'APT::Update::Error-Mode': 'any',
    // Images of containers delete packages after each installation.
    'APT::Keep-Downloaded-Packages': 'true',
    'DPkg::Post-Invoke': '',
  };
  const apt = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const install = ['-y', '--download-only', '--no-install-recommends', '-t', `${RELEASE}-backports`];
  run('apt-get', [...apt, 'update'], { hint: HINT });
  run('apt-get', [...apt, ...install, 'install', MESA], { hint: HINT });
  const archives = join(cache, 'archives');
  return readdirSync(archives)
    .filter((name) => name.endsWith('.deb'))
    .map((name) => join(archives, name));
}

/** The folder of the unpacked libraries, which is called after the architecture. @param {string} tree */
function libraries(tree) {
  const lib = join(tree, 'usr', 'lib');
  const name = readdirSync(lib).find((one) => one.endsWith('-linux-gnu'));
  if (!name) fail(`no libraries in ${lib}: remove ${folder} and start this again.`);
  return join(lib, name);
}

function unpack() {
  say(`downloading lavapipe of Mesa ${OLDEST_MESA} with real subgroup matrices (once)`);
  const work = join(folder, `partial-${process.pid}`);
  rmSync(work, { recursive: true, force: true });
  const tree = join(work, 'root');
  mkdirSync(tree, { recursive: true });
  const packages = download(work).map((path) => ({ path, name: path.split('/').at(-1) ?? '' }));
  const versionOf = (name) => packages.find((one) => one.name.startsWith(`${name}_`))?.name.split('_')[1];
  const mesa = versionOf(MESA);
  if (major(mesa) < OLDEST_MESA)
    fail(`${SUITES} has ${MESA} ${mesa}, and lavapipe has matrices from ${OLDEST_MESA} on.`);
  // A newer C library than the unpacked one runs these libraries itself, and would not run beside an older one.
  const own = isOlder(glibc(), versionOf('libc6'));
  for (const { path, name } of packages) {
    if (own || !C_LIBRARY.test(name)) run('dpkg-deb', ['-x', path, tree]);
  }
  const driver = {
    file_format_version: '1.0.1',
    ICD: { api_version: '1.4.0', library_path: './libvulkan_lvp.so' },
  };
  writeFileSync(join(libraries(tree), ICD), `${JSON.stringify(driver, null, 2)}\n`);
  rmSync(root, { recursive: true, force: true });
  renameSync(tree, root);
  rmSync(work, { recursive: true, force: true });
  writeFileSync(stamp, `${JSON.stringify({ suites: SUITES, glibc: glibc(), mesa })}\n`);
}

/** What was unpacked for a machine like this one, if it was. */
function unpacked() {
  if (!existsSync(stamp) || !existsSync(root)) return undefined;
  const { suites, glibc: of, mesa } = JSON.parse(readFileSync(stamp, 'utf8'));
  return suites === SUITES && of === glibc() ? mesa : undefined;
}

/**
 * A program that is this Node on the unpacked C library. Started by the loader, Node would take that for its own path, and
 * start it alone where it makes a process; so the program tells it.
 * @param {string} library @param {string} loader
 */
function nodeThrough(library, loader) {
  const program = join(folder, 'node');
  const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
  const tell = `data:text/javascript,process.execPath=${encodeURIComponent(JSON.stringify(program))}`;
  const command = [join(library, loader), '--library-path', library, process.execPath, '--import', tell];
  const script = `#!/bin/sh\nexec ${command.map(quoted).join(' ')} "$@"\n`;
  if (!existsSync(program) || readFileSync(program, 'utf8') !== script)
    writeFileSync(program, script, { mode: 0o755 });
  return program;
}

/**
 * How to start Node on real subgroup matrices; downloads the driver where it is missing.
 * @returns {{ node: string, env: Record<string, string>, mesa: string }} env: what it needs beside the caller's environment
 */
export function matrixDriver() {
  const installed = installedVersions().get(MESA);
  if (installed && major(installed) >= OLDEST_MESA)
    return { node: process.execPath, env: lavapipeEnv(), mesa: installed };
  if (!glibc())
    fail('the driver with subgroup matrices is built for the GNU C library, which this Node does not use.');
  mkdirSync(folder, { recursive: true });
  if (!unpacked()) unpack();
  const library = libraries(root);
  const [runtime, shaders] = ['xdg-runtime', 'mesa'].map((name) => join(folder, name));
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  mkdirSync(shaders, { recursive: true });
  const env = {
    VK_ICD_FILENAMES: join(library, ICD),
    XDG_RUNTIME_DIR: runtime,
    MESA_SHADER_CACHE_DIR: shaders,
  };
  const mesa = unpacked();
  const loader = readdirSync(library).find((name) => /^ld-linux-.*\.so/.test(name));
  if (loader) return { node: nodeThrough(library, loader), env, mesa };
  const path = [library, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  return { node: process.execPath, env: { ...env, LD_LIBRARY_PATH: path }, mesa };
}
