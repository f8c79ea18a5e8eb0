/**
 * The rules of module paths: those of golang.org/x/mod/module, CheckPath, one by one. A path without findings can also
 * be escaped: EscapePath refuses only characters that CheckPath does not accept either.
 *
 * Pure. Linear in the length of the path.
 */
import { broken, quoted, type Broken } from './broken.js'

/** Device names, which Windows recognizes with any extension and in any case. */
const RESERVED = /^(?:con|prn|aux|nul|com[1-9]|lpt[1-9])$/i
const SHORT_NAME = /~[0-9]+$/
const GOPKG_IN = 'gopkg.in/'

/** A path's major version at its end, with its separator (`/v2`, `.v1-unstable`), or empty. */
export function pathMajorOf(path: string): { readonly major: string; readonly isValid: boolean } {
  if (path.startsWith(GOPKG_IN)) {
    const major = /\.v[0-9]*(?:-unstable)?$/.exec(path)?.[0] ?? ''
    // SPEC: splitGopkgIn: paths of gopkg.in end in .vN for some N; N has no leading zero, and `.v0-unstable` is refused.
    return major.length <= 2 || (major[2] === '0' && major !== '.v0')
      ? { major: '', isValid: false }
      : { major, isValid: true }
  }
  const [major, number] = /\/v([0-9.]+)$/.exec(path) ?? []
  if (major === undefined || number === undefined) return { major: '', isValid: true }
  // SPEC: SplitPathVersion: no dots, no leading zero, and not /v1.
  const isValid = !number.includes('.') && !number.startsWith('0') && number !== '1'
  return isValid ? { major, isValid } : { major: '', isValid }
}

/** The rules that the path breaks, each once. */
export function judgePath(path: string): Broken[] {
  const said = `the path ${quoted(path)}`
  const elements = path.split('/')
  const [host = ''] = elements
  const found: Broken[] = []
  if (elements.includes('')) found.push(broken('path-slash', `${said} has an empty element`))

  const dotted = elements.find((element) => element.startsWith('.') || element.endsWith('.'))
  if (dotted !== undefined) {
    found.push(broken('path-dot', `an element of ${said} begins or ends with a dot: ${quoted(dotted)}`))
  }

  const [odd] = /[^A-Za-z0-9\-._~/+]/u.exec(path) ?? []
  if (odd !== undefined) found.push(broken('path-character', `${said} has the character ${quoted(odd)}`))
  if (path.includes('+')) found.push(broken('path-plus', `${said} has a plus sign`))

  if (!/^(?!-)[a-z0-9\-.]*$/.test(host) || !host.includes('.')) {
    found.push(broken('path-host', `${said} does not begin with the name of a host`))
  }

  // SPEC: checkElem: what comes before the first dot of an element is compared.
  const stems = elements.map((element) => element.split('.', 1)[0]!)
  const reserved = stems.find((stem) => RESERVED.test(stem))
  if (reserved !== undefined) {
    found.push(broken('path-reserved-name', `${said} has the name of a device in it: ${quoted(reserved)}`))
  }
  const short = stems.find((stem) => SHORT_NAME.test(stem))
  if (short !== undefined) found.push(broken('path-short-name', `${said} has a short name in it: ${quoted(short)}`))

  if (!pathMajorOf(path).isValid) {
    found.push(
      path.startsWith(GOPKG_IN)
        ? broken('path-gopkg-in', `${said} does not end with a major version as gopkg.in has it`)
        : broken('path-major', `${said} ends with an invalid major version`),
    )
  }
  return found
}
