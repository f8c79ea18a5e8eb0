/**
 * `--deposit`: how many chosen peers are to keep what this key is about to sign, and whether it may sign without them
 * (witness/deposits.ts). Pure.
 */
import { invalid, MAX_ITEMS } from './setting.js'

export interface DepositSetting {
  /** How many chosen peers are to keep each promise; undefined: a majority of them. */
  readonly keep: number | undefined
  /** Whether nothing new is signed without them. */
  readonly required: boolean
}

/** What the setting depends on. */
interface Mesh {
  readonly listen: readonly string[]
  /** Where there are any, these are the chosen peers, and no more can keep anything. */
  readonly bootstrap: readonly string[]
}

/** Reads "K", "required" or "K,required". Throws CONFIG_INVALID. */
export function parseDeposit(text: string, setting: string): DepositSetting {
  const parts = /^(?:([1-9][0-9]{0,3})|required|([1-9][0-9]{0,3}),required)$/.exec(text.trim())
  if (parts === null)
    throw invalid(setting, `"K", "required" or "K,required" expected, with K from 1 on, got ${JSON.stringify(text)}`)
  const [, alone, beside] = parts
  const count = alone ?? beside
  return { keep: count === undefined ? undefined : Number(count), required: alone === undefined }
}

/** Throws CONFIG_INVALID where there can never be as many peers. */
export function requireKeepers({ keep, required }: DepositSetting, { listen, bootstrap }: Mesh): void {
  const room = bootstrap.length > 0 ? bootstrap.length : MAX_ITEMS
  if (keep !== undefined && keep > room) {
    const has = bootstrap.length > 0 ? `bootstrap has ${room}` : `there can be ${room}`
    throw invalid('deposit', `${keep} peers are to keep each promise, and ${has}`)
  }
  if (required && bootstrap.length === 0 && listen.length === 0)
    throw invalid(
      'deposit',
      'it is required, and without listen and bootstrap there are no peers: nothing could be signed',
    )
}
