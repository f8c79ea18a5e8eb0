/** The settings that several commands share. Separate from those of a node, so that commands load quickly. */
import { resolve } from 'node:path'
import { textSetting, textOr } from './setting.js'
import { defaultHome } from './user-home.js'

/** Directory of keys and state. The file takes precedence over the environment, which only changes the default. */
export const HOME = textOr(defaultHome, {
  group: 'Common',
  value: 'DIR',
  restart: true,
  help: 'keys and state',
  otherwise: '$GOSSUM_HOME, else XDG data home + /gossum',
  places: ['flag', 'file', 'environment'],
  read: (path) => resolve(path),
})

/** The file of settings. */
export const CONFIG_FILE = textSetting({
  group: 'Common',
  value: 'FILE',
  help: 'settings in YAML',
  places: ['flag', 'environment'],
  read: (path) => path,
})

/** The node that commands ask. */
export const NODE = textSetting({
  group: 'Common',
  value: 'URL',
  help: 'the node to ask',
  otherwise: '$GOSSUM_NODE, else http://127.0.0.1:46787',
  places: ['flag', 'environment'],
  read: (url) => url,
})
