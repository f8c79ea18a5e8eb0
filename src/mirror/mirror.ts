/**
 * The module mirror: what the upstreams have, held against the log. A zip or a go.mod leaves only when its hash stands in a
 * record that is proven under the quorum head.
 */
import { GossumError } from '../errors.js'
import type { Asking } from '../proxy/shared.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import type { MirrorFile, MirrorKind, MirrorParts, MirrorStatus } from './mirror-parts.js'

export type {
  HiddenVersions,
  MirrorFile,
  MirrorKind,
  MirrorLog,
  MirrorParts,
  MirrorRefusal,
  MirrorSettings,
  MirrorStatus,
  MirrorTold,
} from './mirror-parts.js'

export class Mirror {
  static open(_parts: MirrorParts): Promise<Mirror> {
    return Promise.resolve(new Mirror())
  }

  /** Lets go of the folder. */
  stop(): Promise<void> {
    return Promise.resolve()
  }

  file(_module: ModuleVersion, _kind: MirrorKind, _asking: Asking): Promise<MirrorFile> {
    throw new GossumError('INTERNAL')
  }

  info(_path: string, _query: string, _asking: Asking): Promise<Uint8Array> {
    throw new GossumError('INTERNAL')
  }

  latest(_path: string, _asking: Asking): Promise<Uint8Array> {
    throw new GossumError('INTERNAL')
  }

  list(_path: string, _asking: Asking): Promise<Uint8Array> {
    throw new GossumError('INTERNAL')
  }

  status(): Promise<MirrorStatus> {
    throw new GossumError('INTERNAL')
  }

  allow(_module: ModuleVersion | 'existing'): Promise<void> {
    throw new GossumError('INTERNAL')
  }

  pin(_module: ModuleVersion): Promise<void> {
    throw new GossumError('INTERNAL')
  }

  unpin(_module: ModuleVersion): Promise<void> {
    throw new GossumError('INTERNAL')
  }
}
