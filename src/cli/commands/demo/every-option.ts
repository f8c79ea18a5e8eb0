/** The flag that sets how often a log of the demo publishes a head. */
import { Option } from 'commander'
import { GossumError } from '../../../errors.js'

const MOST_SECONDS = 86_400

export function everyOption(): Option {
  const help = 'how often the log publishes a head; 0 = only when its button is pressed'
  return new Option('--every <SECONDS>', help).default(10).argParser((text) => {
    const seconds = Number(text)
    if (text.trim() !== '' && Number.isInteger(seconds) && seconds >= 0 && seconds <= MOST_SECONDS) return seconds
    throw new GossumError('USAGE', `--every takes a whole number of seconds from 0 to ${MOST_SECONDS}`)
  })
}
