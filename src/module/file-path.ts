/** Names that files of a module may have, on every system that Go runs on (golang.org/x/mod/module.CheckFilePath). Pure. */

/** What one character of a name may be: letters of any script, ASCII digits, and what no shell and no file system minds. */
const CHARACTERS = /^[0-9\p{L}!#$%&()+,\-.=@[\]^_{}~ ]+$/u
/** Devices of Windows, with or without an ending. */
const DEVICES = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/i

/** Why no file of a module may have this path, which has slashes between its elements; undefined for a good one. */
export function badFilePath(path: string): string | undefined {
  for (const element of path.split('/')) {
    // SPEC: golang.org/x/mod/module, CheckFilePath: no empty element, none of dots alone, none that ends with a dot.
    if (element === '') return 'an empty element, or a slash at an end'
    if (element.endsWith('.')) return 'an element that ends with a dot'
    if (!CHARACTERS.test(element)) return 'a character that file names of modules may not have'
    if (DEVICES.test(element)) return 'a name that Windows reserves'
  }
  return undefined
}

/**
 * The text with the case of its letters folded away: two texts have one result when Go's strings.EqualFold takes them for
 * equal.
 */
export function folded(text: string): string {
  // Nearly all names.
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase()
  return Array.from(text, foldedLetter).join('')
}

function foldedLetter(letter: string): string {
  // The dotless i is a letter of its own but in Turkish.
  if (letter === '\u0131') return letter
  // What becomes several letters is folded to none of them.
  const upper = single(letter.toUpperCase()) ?? letter
  return single(upper.toLowerCase()) ?? letter
}

function single(text: string): string | undefined {
  return Array.from(text).length === 1 ? text : undefined
}

/** Finds names that would be one file on a system that does not tell cases apart, and files that are folders, too. */
export class NameCollisions {
  readonly #seen = new Map<string, { readonly path: string; readonly isFolder: boolean }>()

  /** Adds a clean path. Returns why it cannot stand beside those before it. */
  add(path: string, isFolder: boolean): string | undefined {
    for (let [at, folder] = [path, isFolder]; ; [at, folder] = [at.slice(0, at.lastIndexOf('/')), true]) {
      const key = folded(at)
      const other = this.#seen.get(key)
      if (other !== undefined) {
        if (other.path !== at) return `it differs from ${JSON.stringify(other.path)} in nothing but case`
        if (other.isFolder !== folder) return `${JSON.stringify(at)} is both a file and a folder`
        if (!folder) return 'it is there twice'
        // A folder that is known, and so are those around it.
        return undefined
      }
      this.#seen.set(key, { path: at, isFolder: folder })
      if (!at.includes('/')) return undefined
    }
  }
}
