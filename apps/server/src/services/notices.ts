// Owns what viewers are told about this computer, in words. An empty message takes a notice away.
import type { AttachEvent } from '@cotg/api';

export const PAUSED: AttachEvent = {
  type: 'notice',
  code: 'STORAGE_PAUSED',
  message: 'History is paused: this computer cannot store output now. The terminal goes on; what it prints meanwhile may be missing later.',
};
export const RESUMED: AttachEvent = { type: 'notice', code: 'STORAGE_RESUMED', message: '' };

export const NOT_ANSWERING: AttachEvent = {
  type: 'notice',
  code: 'HOST_NOT_ANSWERING',
  message: 'The terminal host on this computer does not answer: it is stopped, or the computer is very busy. Nothing is lost.',
};
export const ANSWERING: AttachEvent = { type: 'notice', code: 'HOST_ANSWERING', message: '' };
