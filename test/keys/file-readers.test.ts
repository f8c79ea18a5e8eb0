/** Who can actually read a key file that its group may read: determined from the system's accounts. */
import { describe, expect, test } from 'vitest'
import { othersInGroup, type Accounts } from '../../src/keys/file-readers.js'

const PASSWD = `root:x:0:0:root:/root:/bin/sh
alice:x:1000:1000::/home/alice:/bin/sh
bob:x:1001:1001::/home/bob:/bin/sh
carol:x:1002:100::/home/carol:/bin/sh
`
const GROUP = `root:x:0:
users:x:100:alice
alice:x:1000:
shared:x:200:alice,bob
ours:x:201:alice
stranger:x:202:alice,nobodyknows
`
const LINUX: Accounts = { passwd: PASSWD, group: GROUP, nsswitch: 'passwd: files systemd\ngroup: files systemd\n' }
const alice = { uid: 1000, groups: [1000, 100, 200, 201, 202, 2000] }

describe('a group', () => {
  test.each<[string, number, Partial<Accounts>, string[]]>([
    ['of one user, as Debian makes them', 1000, {}, []],
    ['that is listed with us alone', 201, {}, []],
    ['that nobody knows, as fsGroup names it', 2000, {}, []],
    ['in a container without any accounts', 2000, { passwd: '', group: '', nsswitch: '' }, []],
    ['with somebody else in the list', 200, {}, ['bob']],
    ['with somebody in the list who is no user', 202, {}, ['nobodyknows']],
    ['that is the first one of somebody else', 100, {}, ['carol']],
    ['where users come from elsewhere', 2000, { nsswitch: 'passwd: files sss\n' }, ['users from sss']],
    ['where groups do', 2000, { nsswitch: 'group: files [!UNAVAIL=return] ldap # x\n' }, ['users from ldap']],
    ['where hosts do, which are no users', 2000, { nsswitch: 'hosts: files dns\n' }, []],
    ['that we are not in', 1001, {}, ['a group that this user is not in', 'bob']],
  ])('%s', (_what, gid, accounts, expected) => {
    expect(othersInGroup(gid, alice, { ...LINUX, ...accounts })).toEqual(expected)
  })

  test('of root, for root: nobody else has it, or somebody does', () => {
    const root = { uid: 0, groups: [0] }
    expect(othersInGroup(0, root, LINUX)).toEqual([])
    expect(othersInGroup(0, root, { ...LINUX, group: 'root:x:0:bob\n' })).toEqual(['bob'])
  })

  test('that users from elsewhere may be in, by a line for all of them', () => {
    expect(
      othersInGroup(2000, alice, { ...LINUX, passwd: `${PASSWD}+::::::\n`, nsswitch: 'passwd: compat\n' }),
    ).toEqual(['users from another source'])
  })
})
