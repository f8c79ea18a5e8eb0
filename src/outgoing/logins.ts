/**
 * User and password of addresses that are asked: taken out of a URL where it is read, and put into requests where they
 * are made. What lies between, and is shown, written and told, has none.
 */

/** The login of each URL, as it stood there and as a request carries it, by the URL without it. */
const logins = new Map<string, { readonly userinfo: string; readonly authorization: string }>()

/** The URL without user and password, which are remembered for requests to it and below it. What has none is as it was. */
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

/** The URL with the login that was taken out of it, for a file that only its owner reads. */
export function withLogin(url: string): string {
  const login = logins.get(url)
  return login === undefined ? url : url.replace('://', `://${login.userinfo}@`)
}

/** The login that a request to this URL must carry, if any: that of the longest address above it. */
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

/** What a server said, with any login that it repeats taken out. */
export function withoutLogins(text: string): string {
  let said = text
  for (const { userinfo, authorization } of logins.values()) {
    const token = authorization.slice('Basic '.length)
    for (const secret of [token, Buffer.from(token, 'base64').toString(), userinfo]) said = said.replaceAll(secret, '…')
  }
  return said
}

/** The value of a header for the login of a URL, as URL has it: percent-encoded. */
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
