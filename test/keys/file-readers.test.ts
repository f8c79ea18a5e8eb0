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

describe('the other readers of a group', () => {
  test.each<[string, number, Partial<Accounts>, string[]]>([
    ['are none if it has one user, as on Debian', 1000, {}, []],
    ['are none if its list has only our user', 201, {}, []],
    ['are none if it is unknown, as with fsGroup', 2000, {}, []],
    ['are none in a container without accounts', 2000, { passwd: '', group: '', nsswitch: '' }, []],
    ['are those in its list', 200, {}, ['bob']],
    ['are those in its list, even if they are no users', 202, {}, ['nobodyknows']],
    ['are those whose primary group it is', 100, {}, ['carol']],
    ['may be users from elsewhere', 2000, { nsswitch: 'passwd: files sss\n' }, ['users from sss']],
    [
      'may be users of groups from elsewhere',
      2000,
      { nsswitch: 'group: files [!UNAVAIL=return] ldap # x\n' },
      ['users from ldap'],
    ],
    ['are none if only hosts come from elsewhere', 2000, { nsswitch: 'hosts: files dns\n' }, []],
    ['include a warning if we are not in it', 1001, {}, ['a group that this user is not in', 'bob']],
  ])('%s', (_what, gid, accounts, expected) => {
    expect(othersInGroup(gid, alice, { ...LINUX, ...accounts })).toEqual(expected)
  })

  test('are determined for root too', () => {
    const root = { uid: 0, groups: [0] }
    expect(othersInGroup(0, root, LINUX)).toEqual([])
    expect(othersInGroup(0, root, { ...LINUX, group: 'root:x:0:bob\n' })).toEqual(['bob'])
  })

  test('may be users from elsewhere, by a line for all of them', () => {
    expect(
      othersInGroup(2000, alice, { ...LINUX, passwd: `${PASSWD}+::::::\n`, nsswitch: 'passwd: compat\n' }),
    ).toEqual(['users from another source'])
  })
})
