/** `--state`: the PostgreSQL database that stores what a key has signed, for several machines. Pure. */
import { invalid } from './setting.js'

/** A server that may have the database. */
export interface StateServer {
  readonly host: string
  readonly port: number
}

/** The modes of encryption, with their names in libpq. */
export const SSL_MODES = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full'] as const
export type SslMode = (typeof SSL_MODES)[number]

/** The value of `--state`. Anything left out comes from the same places as for psql: PGUSER, PGPASSWORD, ~/.pgpass. */
export interface StateSetting {
  /** In the order in which they are tried: the first that accepts writes is used. */
  readonly servers: readonly StateServer[]
  readonly database: string | undefined
  readonly user: string | undefined
  readonly password: string | undefined
  readonly ssl: { readonly mode: SslMode; readonly rootCert: string | undefined }
  /** The schema of its tables. */
  readonly schema: string
}

const EXPECTED = 'postgres://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]...]/DATABASE[?sslmode=...] expected'
const PORT = 5432
const MOST_SERVERS = 8
const PARAMETERS: readonly string[] = ['sslmode', 'sslrootcert', 'schema', 'host']

/** Reads the setting. Throws CONFIG_INVALID, without quoting the password. */
export function parseStateUrl(text: string, name: string): StateSetting {
  const [, authority, database, query] =
    /^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^/?#]*))?(?:\?([^#]*))?$/.exec(text) ?? []
  if (authority === undefined) throw invalid(name, EXPECTED)
  const at = authority.lastIndexOf('@')
  const [user, ...password] = at === -1 ? [] : authority.slice(0, at).split(':')
  const parameters = new URLSearchParams(query)
  const unknown = [...parameters.keys()].find((key) => !PARAMETERS.includes(key))
  if (unknown !== undefined)
    throw invalid(name, `unknown parameter ${JSON.stringify(unknown)}: ${PARAMETERS.join(', ')}`)
  const mode = parameters.get('sslmode') ?? 'prefer'
  if (!isSslMode(mode)) throw invalid(name, `sslmode is one of ${SSL_MODES.join(', ')}`)
  const schema = parameters.get('schema') ?? 'public'
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema))
    throw invalid(name, 'schema: a name of lower-case letters, digits and _ expected')
  // A socket is a path, which the authority of a URL cannot contain.
  const said = parameters.get('host') ?? authority.slice(at + 1)
  const servers = said.split(',').map((server) => serverOf(server, name))
  if (servers.length > MOST_SERVERS) throw invalid(name, `more than ${MOST_SERVERS} servers`)
  return Object.freeze({
    servers,
    database: decoded(database, name),
    user: decoded(user, name),
    password: decoded(password.length === 0 ? undefined : password.join(':'), name),
    ssl: { mode, rootCert: parameters.get('sslrootcert') ?? undefined },
    schema,
  })
}

function serverOf(text: string, name: string): StateServer {
  if (text.startsWith('/')) return { host: text, port: PORT }
  const [, bracketed, plain, port] = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const host = bracketed ?? plain
  const number = port === undefined ? PORT : Number(port)
  if (host === undefined || number < 1 || number > 65535) throw invalid(name, EXPECTED)
  return { host, port: number }
}

function decoded(text: string | undefined, name: string): string | undefined {
  if (text === undefined || text === '') return undefined
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(name, EXPECTED)
  }
}

function isSslMode(text: string): text is SslMode {
  return (SSL_MODES as readonly string[]).includes(text)
}
