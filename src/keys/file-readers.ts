/**
 * Who else can read a file that is readable by its group. The mode does not say whether the group has other members:
 * Kubernetes (fsGroup) gives every file of a volume to a group that only the container is in, and Debian gives every
 * user a group of their own. Pure.
 */

/**
 * The system's data on users and groups: /etc/passwd, /etc/group and /etc/nsswitch.conf, empty where a file is missing.
 */
export interface Accounts {
  readonly passwd: string
  readonly group: string
  readonly nsswitch: string
}

/** The user who asks, by number. */
export interface Reader {
  readonly uid: number
  readonly groups: readonly number[]
}

/** Sources of users that are read here, or that have no permanent users. */
const KNOWN_SOURCES = ['files', 'compat', 'systemd']

/**
 * Who, besides `self` and root, can read what this group may read: names, or reasons why that is unknown; empty if
 * nobody can.
 */
export function othersInGroup(gid: number, self: Reader, { passwd, group, nsswitch }: Accounts): string[] {
  const users = rows(passwd).map(([name = '', , uid, primary]) => ({
    name,
    uid: Number(uid),
    primary: Number(primary),
  }))
  const others = users.filter(({ uid }) => uid !== self.uid && uid !== 0)
  const isOurs = (name: string): boolean =>
    users.some((user) => user.name === name) && !others.some((user) => user.name === name)
  const members = rows(group).flatMap(([, , id, names = '']) => (Number(id) === gid ? names.split(',') : []))
  return [
    // If not even we are in it, anyone might be.
    ...(self.groups.includes(gid) ? [] : [`a group that this user is not in`]),
    ...elsewhere(nsswitch).map((source) => `users from ${source}`),
    ...([...rows(passwd), ...rows(group)].some(([name]) => name!.startsWith('+')) ? ['users from another source'] : []),
    ...new Set([
      ...others.flatMap(({ name, primary }) => (primary === gid ? name : [])),
      ...members.filter((name) => name !== '' && !isOurs(name)),
    ]),
  ]
}

/** Sources of users and groups that are not read here. */
function elsewhere(nsswitch: string): string[] {
  return nsswitch.split('\n').flatMap((line) => {
    const [, sources = ''] = /^\s*(?:passwd|group|initgroups):([^#]*)/.exec(line) ?? []
    const words = sources.replace(/\[[^\]]*\]/g, ' ').split(/\s+/)
    return words.filter((word) => word !== '' && !KNOWN_SOURCES.includes(word))
  })
}

/** Lines of colon-separated fields. A line that begins with a plus includes entries of another source. */
function rows(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line === '' || line.startsWith('#') ? [] : [line.split(':')]))
}
