/**
 * Images and containers without an engine (Linux, root): each step of a Dockerfile is run in an overlay over this
 * machine's files, with its Node in place of the base image's; containers run in such an overlay, in a network of their
 * own.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Stage, Step } from './dockerfile.js'

/** A folder of this machine that is mounted into a container. */
export interface Mount {
  readonly from: string
  readonly to: string
  readonly readOnly: boolean
}

export interface Confinement {
  /** `uid:gid`. */
  readonly user: string | undefined
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly mounts?: readonly Mount[]
  readonly tmpfs?: readonly string[]
  readonly readOnly?: boolean
  /** Without any capability, and without a way to gain one. */
  readonly powerless?: boolean
  /** The prefix of the command, such as `ip netns exec`. */
  readonly prefix?: readonly string[]
}

/** Why this machine cannot run images; undefined if it can. */
export function imageObstacle(): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs Linux and root'
  const folder = mkdtempSync(join(tmpdir(), 'gossum-overlay-'))
  try {
    new Root(folder).run(['true'], { user: undefined, env: {}, cwd: '/' })
    return undefined
  } catch (error) {
    return `no overlay here: ${String(error)}`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The files of this machine, and what was written over them. */
export class Root {
  /** The layer with the written files. */
  readonly upper: string
  readonly #folder: string

  /** `like`: another one whose files it starts with; existing files must not be written to. */
  constructor(folder: string, like?: Root) {
    for (const name of ['upper', 'work', 'root']) mkdirSync(join(folder, name), { recursive: true })
    this.#folder = folder
    this.upper = join(folder, 'upper')
    // An overlay cannot use a layer inside its own lower layer, which is this machine's whole file system.
    if (like !== undefined) execFileSync('cp', ['-al', `${like.upper}/.`, this.upper])
  }

  /** Runs a command in it to its end. Throws if it fails. */
  run(command: readonly string[], confinement: Confinement, before = ''): void {
    const [file, ...args] = this.#argv(command, confinement, before)
    execFileSync(file!, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 300_000, cwd: '/' })
  }

  /** Starts a command in it. */
  start(command: readonly string[], confinement: Confinement): ChildProcess {
    const [file, ...args] = this.#argv(command, confinement, '')
    return spawn(file!, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/' })
  }

  /** Runs a step of a Dockerfile. `files`: the source of copies, if not a stage. */
  perform(step: Step, stage: Stage, files: string, stages: ReadonlyMap<string, Root>): void {
    const asRoot = { user: undefined, env: stage.env, cwd: '/' }
    const root = join(this.#folder, 'root')
    const at = (path: string): string => (path.startsWith('/') ? path : join(stage.workdir, path))
    if (step.kind === 'workdir') return this.run(['true'], asRoot, `mkdir -p '${root}${step.path}'\n`)
    if (step.kind === 'run') return this.run(['sh', '-c', step.command], { ...asRoot, cwd: stage.workdir })
    const to = `${root}${at(step.to)}`
    const source = step.from === undefined ? files : stages.get(step.from)!.upper
    // Copying a folder copies its contents.
    const copies = step.paths.map((path) => `cp -a '${join(source, path)}${path.endsWith('/') ? '/.' : ''}' '${to}'\n`)
    this.run(['true'], asRoot, `mkdir -p '${to}'\n${copies.join('')}`)
  }

  #argv(command: readonly string[], confinement: Confinement, before: string): string[] {
    const { user, env, cwd, mounts = [], tmpfs = [], readOnly = false, powerless = false, prefix = [] } = confinement
    const root = join(this.#folder, 'root')
    const mount = ({ from, to, readOnly: isFixed }: Mount): string => {
      const make = statSync(from).isFile() ? `touch '${root}${to}'` : `mkdir -p '${root}${to}'`
      return `${make}\nmount --bind '${from}' '${root}${to}'\n${isFixed ? `mount -o remount,bind,ro '${root}${to}'\n` : ''}`
    }
    const [uid, gid] = user?.split(':') ?? ['0', '0']
    const limits = powerless ? ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs'] : []
    const script = [
      'set -e\n',
      `mount -t overlay overlay -o 'lowerdir=/,upperdir=${this.upper},workdir=${this.#folder}/work' '${root}'\n`,
      ...['proc', 'dev'].map((name) => `mount --rbind /${name} '${root}/${name}'\n`),
      before,
      // The sources must not be visible inside, where the result would find them.
      `mount -t tmpfs tmpfs '${root}${dirname(dirname(import.meta.dirname))}'\n`,
      ...mounts.map(mount),
      ...tmpfs.map((path) => `mount -t tmpfs -o mode=1777 tmpfs '${root}${path}'\n`),
      readOnly ? `mount -o remount,bind,ro '${root}'\n` : '',
      `exec chroot '${root}' setpriv --reuid ${uid!} --regid ${gid!} --clear-groups ${limits.join(' ')} `,
      `env -i PATH="$PATH" HOME=/root "$@"\n`,
    ]
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    const inside = ['sh', '-c', `cd '${cwd}' && exec "$@"`, 'sh', ...command]
    return [...prefix, 'unshare', '--mount', 'sh', '-c', script.join(''), 'sh', ...variables, ...inside]
  }
}

/** Builds all stages in this folder. Resolves to the files of the last one. */
export function buildImage(stages: readonly Stage[], context: string, folder: string): Root {
  const files = join(folder, 'context')
  // Supports only a list of exceptions: any other .dockerignore content is not read here.
  const [all, ...allowed] = readFileSync(join(context, '.dockerignore'), 'utf8')
    .replaceAll(/^#.*\n/gm, '')
    .trim()
    .split('\n')
  if (all !== '*' || !allowed.every((line) => /^![\w.-]+$/.test(line)))
    throw new Error('.dockerignore allows, and nothing else')
  for (const line of allowed) cpSync(join(context, line.slice(1)), join(files, line.slice(1)), { recursive: true })
  const made = new Map<string, Root>()
  for (const [i, stage] of stages.entries()) {
    const root = new Root(join(folder, `stage-${i}`))
    for (const step of stage.steps) root.perform(step, stage, files, made)
    made.set(stage.name, root)
  }
  return made.get(stages.at(-1)!.name)!
}
