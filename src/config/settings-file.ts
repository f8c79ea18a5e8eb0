/** The YAML file of settings: its settings, their places in it, and all its syntax errors. */
import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit, type Document, type Node } from 'yaml'
import { errorText, GossumError, HintedError } from '../errors.js'
import { nearest } from './nearest.js'
import { readText } from './read-text.js'
import { fromYaml, keyOf, type Setting, type Writing } from './setting.js'

/** The most problems of one file that are reported. */
export const MAX_PROBLEMS = 100

/** A place in a file; lines and columns count from 1. */
export interface FilePlace {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** An error about a place in a file of settings: its text begins with the place, its hint is unchanged. */
export class PlacedError extends HintedError {
  readonly place: FilePlace

  constructor(error: GossumError, place: FilePlace) {
    const { file, line, column } = place
    super(new GossumError(error.code, `${file}:${line}:${column}: ${error.detail}`, error), error.hint)
    this.place = place
  }
}

/** A setting in a file. */
export interface FileSetting {
  readonly name: string
  readonly setting: Setting
  readonly written: Writing
  readonly place: FilePlace
  /** The places of the items of a list. */
  readonly items: readonly FilePlace[]
}

export interface SettingsFile {
  readonly settings: readonly FileSetting[]
  /** In the order of the file; they do not affect other settings in the file. */
  readonly problems: readonly PlacedError[]
}

type Known = readonly (readonly [name: string, setting: Setting])[]

/** Reads a file that may contain these settings. Throws FILE_UNREADABLE, or CONFIG_INVALID if it is too large. */
export function readSettingsFile(path: string, known: Known): SettingsFile {
  return new Reading(path, readText(path), known).result()
}

/** The errors of a setting in a file, item by item if it is a list. */
export function problemsOf({ name, setting, written, place, items }: FileSetting): PlacedError[] {
  const refusals = (value: Writing, at: FilePlace): PlacedError[] => {
    try {
      setting.parse(value, keyOf(name))
      return []
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      return [new PlacedError(error, at)]
    }
  }
  const each = items.flatMap((at, i) => refusals([(written as readonly string[])[i]!], at))
  return each.length > 0 ? each.slice(0, MAX_PROBLEMS) : refusals(written, place)
}

/** The problems of one file, in the order of their places. */
export function inOrder(problems: readonly PlacedError[]): PlacedError[] {
  return problems.toSorted(({ place: a }, { place: b }) => a.line - b.line || a.column - b.column)
}

class Reading {
  readonly #file: string
  readonly #known: Known
  readonly #lines = new LineCounter()
  readonly #problems: PlacedError[] = []
  readonly #document: Document | undefined

  constructor(file: string, text: string, known: Known) {
    this.#file = file
    this.#known = known
    try {
      // Duplicate keys are found below: this option would compare each key with all others.
      const options = { lineCounter: this.#lines, prettyErrors: false, uniqueKeys: false, logLevel: 'error' } as const
      this.#document = parseDocument(text, options)
    } catch (error) {
      // Brackets nested deeper than the stack allows.
      this.#refuse(0, errorText(error))
    }
  }

  result(): SettingsFile {
    const document = this.#document
    for (const { pos, message } of [...(document?.errors ?? []), ...(document?.warnings ?? [])])
      this.#refuse(pos[0], message)
    const root = document?.contents ?? null
    // After a syntax error, the meaning of the rest is uncertain.
    if (this.#problems.length > 0 || root === null) return this.#settled([])
    if (!isMap(root)) {
      this.#refuse(startOf(root), 'not a mapping of settings')
      return this.#settled([])
    }
    this.#findTwins(document!)
    return this.#settled(root.items.flatMap(({ key, value }) => this.#setting(key as Node, value as Node | null)))
  }

  #settled(settings: readonly FileSetting[]): SettingsFile {
    return { settings, problems: inOrder(this.#problems) }
  }

  #setting(keyNode: Node, node: Node | null): FileSetting[] {
    const key = isScalar(keyNode) ? String(keyNode.value) : String(keyNode)
    const [name, setting] = this.#known.find(([known]) => keyOf(known) === key) ?? []
    const at = startOf(keyNode)
    if (name === undefined || setting === undefined) {
      this.#add(this.#unknown(key), at)
      return []
    }
    const inList = setting.kind === 'list' && isSeq(node) ? (node.items as Node[]) : undefined
    try {
      const read = (one: Node | null, isItem = false): Writing =>
        fromYaml(setting, key, isItem ? [this.#plain(one)] : this.#plain(one))
      const items = (inList ?? []).map((item) => ({
        at: startOf(item),
        written: this.#tried(() => read(item, true), item),
      }))
      if (items.some(({ written }) => written === undefined)) return []
      const written = inList === undefined ? read(node) : items.flatMap((item) => item.written as readonly string[])
      return [{ name, setting, written, place: this.#place(at), items: items.map((item) => this.#place(item.at)) }]
    } catch (error) {
      this.#caught(error, node === null ? at : startOf(node))
      return []
    }
  }

  #tried<T>(act: () => T, node: Node): T | undefined {
    try {
      return act()
    } catch (error) {
      this.#caught(error, startOf(node))
      return undefined
    }
  }

  /** The value of a node. Throws when nested aliases expand to more than a file may contain. */
  #plain(node: Node | null): unknown {
    return node === null ? null : node.toJS(this.#document!, { maxAliasCount: MAX_PROBLEMS })
  }

  /** Refuses duplicate keys: YAML would silently ignore the first. */
  #findTwins(document: Document): void {
    visit(document, {
      Map: (_key, map) => {
        const seen = new Set<string>()
        for (const { key } of map.items) {
          const text = String(isScalar(key) ? key.value : key)
          if (seen.has(text)) this.#refuse(startOf(key as Node), `${JSON.stringify(text)} is listed twice`)
          seen.add(text)
        }
      },
    })
  }

  #unknown(key: string): GossumError {
    const error = new GossumError('CONFIG_INVALID', `there is no setting ${JSON.stringify(key)}`)
    const names = this.#known.map(([name]) => keyOf(name))
    const meant = nearest(key, names)
    return meant === undefined ? error : new HintedError(error, `did you mean ${meant}?`)
  }

  #caught(error: unknown, at: number): void {
    if (error instanceof GossumError) this.#add(error, at)
    else this.#refuse(at, errorText(error))
  }

  #refuse(at: number, why: string): void {
    this.#add(new GossumError('CONFIG_INVALID', why), at)
  }

  #add(error: GossumError, at: number): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(new PlacedError(error, this.#place(at)))
  }

  #place(offset: number): FilePlace {
    const { line, col } = this.#lines.linePos(offset)
    // An empty file has no first line.
    return { file: this.#file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
}

function startOf(node: Node | null): number {
  return node?.range?.[0] ?? 0
}
