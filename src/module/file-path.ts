/** Valid names of files in a module, on every system that Go supports (golang.org/x/mod/module.CheckFilePath). Pure. */

/**
 * The characters of a name: letters of any script, ASCII digits, and characters that no shell or file system treats
 * specially.
 */
const CHARACTERS = /^[0-9\p{L}!#$%&()+,\-.=@[\]^_{}~ ]+$/u
/** Device names of Windows, with or without an extension. */
const DEVICES = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])(?:\.|$)/i

/** Why this slash-separated path is not valid for a file of a module; undefined if it is. */
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

/** The text with case folded: two texts have the same result if Go's strings.EqualFold considers them equal. */
export function folded(text: string): string {
  // The case of nearly all names.
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase()
  return Array.from(text, foldedLetter).join('')
}

function foldedLetter(letter: string): string {
  // The dotless i is a letter of its own except in Turkish.
  if (letter === '\u0131') return letter
  // A character that maps to several letters is not folded to them.
  const upper = single(letter.toUpperCase()) ?? letter
  return single(upper.toLowerCase()) ?? letter
}

function single(text: string): string | undefined {
  return Array.from(text).length === 1 ? text : undefined
}

/**
 * Finds names that would be the same file on a case-insensitive system, and names used for both a file and a folder.
 */
export class NameCollisions {
  readonly #seen = new Map<string, { readonly path: string; readonly isFolder: boolean }>()

  /** Adds a clean path. Returns why it conflicts with earlier ones. */
  add(path: string, isFolder: boolean): string | undefined {
    for (let [at, folder] = [path, isFolder]; ; [at, folder] = [at.slice(0, at.lastIndexOf('/')), true]) {
      const key = folded(at)
      const other = this.#seen.get(key)
      if (other !== undefined) {
        if (other.path !== at) return `it differs from ${JSON.stringify(other.path)} only in case`
        if (other.isFolder !== folder) return `${JSON.stringify(at)} is both a file and a folder`
        if (!folder) return 'it is listed twice'
        // A known folder; its parents are known as well.
        return undefined
      }
      this.#seen.set(key, { path: at, isFolder: folder })
      if (!at.includes('/')) return undefined
    }
  }
}
