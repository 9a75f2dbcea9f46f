// Owns the drawing of a QR code in a terminal. Made here, by no service.
import { toString } from 'qrcode';

export async function qrLines(text: string): Promise<string[]> {
  const drawn = await toString(text, { type: 'utf8', errorCorrectionLevel: 'M', margin: 2 });
  return drawn.split('\n').filter((line) => line !== '');
}
