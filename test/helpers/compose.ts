/** Runs a compose file without an engine (Linux, root): each service with its own files and its own network. */
import { execFileSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from './dockerfile.js'
import { Root, type Mount } from './images.js'

interface ServiceVolume {
  readonly type: 'volume' | 'bind'
  readonly source: string
  readonly target: string
  readonly read_only?: boolean
  readonly volume?: { readonly subpath?: string }
}

export interface Service {
  readonly command: readonly string[] | null
  readonly entrypoint: readonly string[] | null
  readonly environment?: Readonly<Record<string, string>>
  readonly volumes: readonly ServiceVolume[]
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly tmpfs?: readonly string[]
  readonly ports?: readonly { readonly host_ip: string; readonly target: number; readonly published: string }[]
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean }
}

/** The file as docker compose reads it, printed by composeconfig. */
export interface Project {
  readonly services: Readonly<Record<string, Service>>
  readonly volumes: Readonly<Record<string, unknown>>
}

export interface Container {
  readonly process: ChildProcess
  readonly address: string
  /** Resolves to the exit code. */
  readonly ended: Promise<number | null>
  /** Its output so far. */
  output(): string
}

/** The owner id of an image's user. */
const USER = 1000

/** A network of containers that includes this process. Remove it at the end. */
export class Composition {
  readonly #project: Project
  readonly #stage: Stage
  readonly #image: Root
  readonly #folder: string
  readonly #names: readonly string[]
  readonly #id = `gossum-c${process.pid}`
  readonly #leg = `gsc${process.pid}`
  readonly #namespaces: string[] = []

  constructor(project: Project, stage: Stage, image: Root, folder: string) {
    this.#project = project
    this.#stage = stage
    this.#image = image
    this.#folder = folder
    this.#names = Object.keys(project.services)
    const hub = this.#addNamespace('hub')
    ip('-n', hub, 'link', 'add', 'bridge', 'type', 'bridge')
    ip('-n', hub, 'link', 'set', 'bridge', 'up')
    ip('link', 'add', this.#leg, 'type', 'veth', 'peer', 'name', 'us', 'netns', hub)
    ip('addr', 'add', `${this.#address(253)}/24`, 'dev', this.#leg)
    ip('link', 'set', this.#leg, 'up')
    ip('-n', hub, 'link', 'set', 'us', 'master', 'bridge', 'up')
    for (const name of this.#names) this.#connect(hub, name)
  }

  /** Starts a service as the file defines it. */
  start(name: string): Container {
    const service = this.#project.services[name]!
    const root = new Root(join(this.#folder, name), this.#image)
    mkdirSync(join(root.upper, 'etc'), { recursive: true })
    const hosts = this.#names.map((other) => `${this.addressOf(other)} ${other}\n`)
    writeFileSync(join(root.upper, 'etc/hosts'), `127.0.0.1 localhost\n${hosts.join('')}`)
    const own = service.entrypoint === null ? [] : [...service.entrypoint]
    const command = service.command ?? (service.entrypoint === null ? this.#stage.cmd : [])
    const process = root.start([...(own.length > 0 ? own : this.#stage.entrypoint), ...command], {
      user: this.#stage.user,
      env: { ...this.#stage.env, ...service.environment },
      cwd: this.#stage.workdir,
      mounts: service.volumes.map((volume) => this.#mount(volume)),
      tmpfs: service.tmpfs ?? [],
      readOnly: service.read_only === true,
      powerless:
        service.cap_drop?.includes('ALL') === true && service.security_opt?.includes('no-new-privileges:true') === true,
      prefix: ['ip', 'netns', 'exec', `${this.#id}-${name}`],
    })
    let output = ''
    for (const stream of [process.stdout!, process.stderr!])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text))
    const ended = once(process, 'close').then(([code]) => code as number | null)
    return { process, address: this.addressOf(name), ended, output: () => output }
  }

  /** Whether the health check of a service passes. */
  isHealthy(name: string, { process }: Container): boolean {
    const { healthcheck } = this.#project.services[name]!
    const [kind, ...command] = healthcheck?.test ?? ['CMD', ...this.#stage.healthcheck]
    if (kind !== 'CMD') throw new Error(`${name} has no health check`)
    const target = String(process.pid)
    const [uid, gid] = this.#stage.user!.split(':')
    const inside = ['--target', target, '--mount', '--net', '--root', 'setpriv', '--reuid', uid!, '--regid', gid!]
    try {
      execFileSync('nsenter', [...inside, '--clear-groups', ...command], { stdio: 'ignore', timeout: 20_000 })
      return true
    } catch {
      return false
    }
  }

  addressOf(name: string): string {
    return this.#address(this.#names.indexOf(name) + 1)
  }

  remove(): void {
    quietly(() => ip('link', 'del', this.#leg))
    for (const namespace of this.#namespaces) quietly(() => ip('netns', 'del', namespace))
  }

  /** 198.18.0.0/15 is reserved for tests of networks (RFC 2544). */
  #address(host: number): string {
    return `198.19.${process.pid % 256}.${host}`
  }

  #addNamespace(name: string): string {
    const namespace = `${this.#id}-${name}`
    ip('netns', 'add', namespace)
    this.#namespaces.push(namespace)
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    return namespace
  }

  #connect(hub: string, name: string): void {
    const namespace = this.#addNamespace(name)
    const port = `port${this.#names.indexOf(name)}`
    ip('-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', hub)
    ip('-n', namespace, 'addr', 'add', `${this.addressOf(name)}/24`, 'dev', 'eth0')
    ip('-n', namespace, 'link', 'set', 'eth0', 'up')
    ip('-n', hub, 'link', 'set', port, 'master', 'bridge', 'up')
  }

  #mount({ type, source, target, read_only: readOnly = false, volume }: ServiceVolume): Mount {
    if (type === 'bind') return { from: source, to: target, readOnly }
    if (!(source in this.#project.volumes)) throw new Error(`no volume ${source}`)
    const folder = join(this.#folder, 'volumes', source)
    if (!existsSync(folder)) {
      // A new volume gets the owner of its first mount point.
      mkdirSync(folder, { recursive: true })
      if (existsSync(join(this.#image.upper, target))) {
        chownSync(folder, USER, USER)
        chmodSync(folder, 0o700)
      }
    }
    const from = join(folder, volume?.subpath ?? '')
    // As with the engine, a missing subpath of a volume is an error.
    if (!existsSync(from)) throw new Error(`${source} has no ${volume!.subpath!}`)
    return { from, to: target, readOnly }
  }
}

/** What the kernel reports about the process of a container. */
export function standingOf({ process }: Container): { readonly uid: string; readonly capabilities: string } {
  const status = readFileSync(`/proc/${process.pid!}/status`, 'utf8')
  return { uid: /^Uid:\s+(\d+)/m.exec(status)![1]!, capabilities: /^CapBnd:\s+(\w+)/m.exec(status)![1]! }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })
}

function quietly(act: () => void): void {
  try {
    act()
  } catch {
    // It was never created, or disappeared with its peer.
  }
}
