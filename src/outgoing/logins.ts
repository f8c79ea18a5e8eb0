/**
 * Users and passwords in URLs: removed from a URL when it is read, and added to requests when they are made. Everywhere
 * in between, where URLs are displayed, stored and reported, there are none.
 */

/** By the URL without its login: the login as it was in the URL, and as a request carries it. */
const logins = new Map<string, { readonly userinfo: string; readonly authorization: string }>()

/**
 * The URL without user and password, which are remembered for requests to it and below it. A URL without a login is
 * returned unchanged.
 */
export function withoutLogin(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || (parsed.username === '' && parsed.password === '')) return url
  const { username, password } = parsed
  const userinfo = password === '' ? username : `${username}:${password}`
  const authorization = basic(username, password)
  parsed.username = ''
  parsed.password = ''
  const clean = parsed.href.replace(/\/+$/, '')
  logins.set(clean, { userinfo, authorization })
  return clean
}

/** The URL with the login that was removed from it, for a file that only its owner can read. */
export function withLogin(url: string): string {
  const login = logins.get(url)
  return login === undefined ? url : url.replace('://', `://${login.userinfo}@`)
}

/** The login for a request to this URL, if any: that of the longest URL that is a prefix of it. */
export function authorizationFor(url: string): string | undefined {
  let found: string | undefined
  let longest = -1
  for (const [address, { authorization }] of logins) {
    if (address.length <= longest || !url.startsWith(address)) continue
    const next = url[address.length]
    if (next !== undefined && next !== '/' && next !== '?') continue
    found = authorization
    longest = address.length
  }
  return found
}

/** A server's text without any login that it repeats. */
export function withoutLogins(text: string): string {
  let said = text
  for (const { userinfo, authorization } of logins.values()) {
    const token = authorization.slice('Basic '.length)
    for (const secret of [token, Buffer.from(token, 'base64').toString(), userinfo]) said = said.replaceAll(secret, '…')
  }
  return said
}

/** The header value for the login of a URL, given percent-encoded as in the class URL. */
export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
