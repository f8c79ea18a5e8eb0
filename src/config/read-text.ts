/** Text files that contain settings. */
import { readFileSync } from 'node:fs'
import { errorText, GossumError } from '../errors.js'
import { invalid } from './setting.js'

/** The largest configuration or policy file, in bytes. */
const MAX_FILE_BYTES = 256 * 1024

/** The text of a small file. Throws FILE_UNREADABLE, or CONFIG_INVALID if it is too large. */
export function readText(path: string): string {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
  if (text.length > MAX_FILE_BYTES) throw invalid(path, `larger than ${MAX_FILE_BYTES} bytes`)
  return text
}
