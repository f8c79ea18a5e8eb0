/**
 * The operator's instructions that the mirror remembers: modules that are kept (`pins`), versions that the cooldown
 * lets through (`allowed`). Two small text files in the mirror's folder, one entry per line, written completely.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText, GossumError } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import { Serial } from '../lib/serial.js'
import { writeWholeFile } from '../lib/whole-file.js'
import { escapeModule, type ModuleVersion } from '../sumdb/module-version.js'
import type { LetThrough } from './cooldown.js'
import { isKeptName } from './kept-checks.js'

/** The most lines of either file. */
const MAX_LINES = 10_000
const EXISTING = 'existing'

export class Allowances implements LetThrough {
  readonly #dir: string
  readonly #writes = new Serial()
  /** `path version`. */
  readonly #allowed: Set<string>
  /** Names of the files of each pinned version, by `path version`. */
  readonly #pins: Map<string, readonly string[]>
  #existingUntil: number | undefined

  private constructor(dir: string, allowed: readonly string[], pins: readonly string[]) {
    this.#dir = dir
    const existing = allowed.find((line) => line.startsWith(`${EXISTING} `))
    this.#existingUntil = existing === undefined ? undefined : Number(existing.slice(EXISTING.length + 1))
    this.#allowed = new Set(allowed.filter((line) => line !== existing))
    this.#pins = new Map(
      pins.map((line) => {
        const [path, version, ...names] = line.split(' ')
        return [`${path!} ${version!}`, names]
      }),
    )
  }

  /** Reads the files in the folder. Throws FILE_UNREADABLE, also for a line that this class does not write. */
  static async open(dir: string): Promise<Allowances> {
    const allowed = await linesOf(join(dir, 'allowed'), (line) => {
      const [first, second, ...rest] = line.split(' ')
      return rest.length === 0 && (first === EXISTING ? /^[0-9]{1,15}$/.test(second ?? '') : isModule(first, second))
    })
    const pins = await linesOf(join(dir, 'pins'), (line) => {
      const [path, version, ...names] = line.split(' ')
      return isModule(path, version) && names.every(isKeptName)
    })
    return new Allowances(dir, allowed, pins)
  }

  get existingUntil(): number | undefined {
    return this.#existingUntil
  }

  isAllowed(module: ModuleVersion): boolean {
    return this.#allowed.has(lineOf(module))
  }

  /** `path@version`, sorted. */
  get allowed(): string[] {
    return [...this.#allowed].map(shown).sort()
  }

  /** `path@version`, sorted. */
  get pinned(): string[] {
    return [...this.#pins.keys()].map(shown).sort()
  }

  /** Names of all files of pinned versions. */
  get pinnedNames(): Set<string> {
    return new Set([...this.#pins.values()].flat())
  }

  /** Lets a version through. Throws REQUEST_INVALID if there are too many, FILE_UNWRITABLE. */
  allow(module: ModuleVersion): Promise<void> {
    return this.#changed(this.#allowed.size, () => void this.#allowed.add(lineOf(module)))
  }

  /** Lets through what the log had before the first quorum head, whose time is given in milliseconds since 1970. */
  allowExisting(time: number): Promise<void> {
    return this.#changed(0, () => void (this.#existingUntil = time))
  }

  /** Remembers to keep these files of a version. Throws as allow() does. */
  pin(module: ModuleVersion, names: readonly string[]): Promise<void> {
    return this.#changed(this.#pins.size, () => void this.#pins.set(lineOf(module), names))
  }

  unpin(module: ModuleVersion): Promise<void> {
    return this.#changed(0, () => void this.#pins.delete(lineOf(module)))
  }

  #changed(lines: number, change: () => void): Promise<void> {
    return this.#writes.run('', async () => {
      if (lines >= MAX_LINES) throw new GossumError('REQUEST_INVALID', `at most ${MAX_LINES} modules`)
      change()
      const existing = this.#existingUntil === undefined ? [] : [`${EXISTING} ${this.#existingUntil}`]
      const pins = [...this.#pins].map(([module, names]) => [module, ...names].join(' '))
      try {
        await writeWholeFile(join(this.#dir, 'allowed'), textOf([...existing, ...this.#allowed]))
        await writeWholeFile(join(this.#dir, 'pins'), textOf(pins))
      } catch (error) {
        throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
      }
    })
  }
}

function lineOf({ path, version }: ModuleVersion): string {
  return `${path} ${version}`
}

function shown(line: string): string {
  return line.replace(' ', '@')
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('')
}

function isModule(path = '', version = ''): boolean {
  return isAccepted(() => escapeModule(path, version))
}

async function linesOf(file: string, isGood: (line: string) => boolean): Promise<string[]> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
  const lines = text.split('\n').filter((line) => line !== '')
  const odd = lines.find((line) => !isGood(line))
  if (odd !== undefined) throw new GossumError('FILE_UNREADABLE', `${file}: ${JSON.stringify(odd.slice(0, 200))}`)
  return lines
}
