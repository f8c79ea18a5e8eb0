/** Reads what a go.mod declares, as leniently as the go command does for dependencies. Pure. */

/** The largest go.mod, in bytes; the limit for a LICENSE is the same (golang.org/x/mod/zip). */
export const MAX_GO_MOD_BYTES = 16 * 1024 * 1024

/** The module path in a go.mod; undefined if it has none. */
export function modulePathIn(goMod: string): string | undefined {
  for (const line of goMod.split('\n')) {
    const [, words] = /^module(?=\p{White_Space})(.*)$/u.exec(trimmed(withoutComment(line))) ?? []
    const rest = words === undefined ? undefined : trimmed(words)
    if (rest === undefined || rest === '') continue
    const quoted = /^"([^"\\]+)"$/.exec(rest) ?? /^`([^`]+)`$/.exec(rest)
    if (quoted !== null) return quoted[1]
    return /["`]/.test(rest) ? undefined : rest
  }
  return undefined
}

/** Whether a go.mod declares `go 1.24` or later, with which module zips omit more of vendor folders. */
export function isSinceGo124(goMod: string): boolean {
  for (const line of goMod.split('\n')) {
    const version = /^go\s+v?([1-9][0-9]*)\.(0|[1-9][0-9]*)/.exec(withoutComment(line).trim())
    if (version === null) continue
    const [major, minor] = [Number(version[1]), Number(version[2])]
    return major > 1 || minor >= 24
  }
  return false
}

/** Without white space as defined by Go; JavaScript's trim() would also remove a byte order mark, but not U+0085. */
function trimmed(text: string): string {
  return text.replace(/^\p{White_Space}+/u, '').replace(/(?<!\p{White_Space})\p{White_Space}+$/u, '')
}

function withoutComment(line: string): string {
  const at = line.indexOf('//')
  return at === -1 ? line : line.slice(0, at)
}

/** The go.mod of a module without one: only its path. */
export function synthesizedGoMod(path: string): string {
  return `module ${path}\n`
}
