/**
 * `--deposit`: how many chosen peers must record what this key is about to sign, and whether it may sign without them
 * (witness/deposits.ts). Pure.
 */
import { invalid, MAX_ITEMS } from './setting.js'

export interface DepositSetting {
  /** How many chosen peers must record each promise; undefined: a majority of them. */
  readonly keep: number | undefined
  /** Whether nothing new is signed without them. */
  readonly required: boolean
}

/** The settings with which it is checked. */
interface Mesh {
  readonly listen: readonly string[]
  /** If there are any, these are the chosen peers, and no others can record anything. */
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

/** Throws CONFIG_INVALID if there can never be that many peers. */
export function requireKeepers({ keep, required }: DepositSetting, { listen, bootstrap }: Mesh): void {
  const room = bootstrap.length > 0 ? bootstrap.length : MAX_ITEMS
  if (keep !== undefined && keep > room) {
    const has = bootstrap.length > 0 ? `bootstrap has ${room}` : `there can be ${room}`
    throw invalid('deposit', `${keep} peers must keep each promise, but ${has}`)
  }
  if (required && bootstrap.length === 0 && listen.length === 0)
    throw invalid(
      'deposit',
      'it is required, but without listen and bootstrap there are no peers: nothing could be signed',
    )
}
