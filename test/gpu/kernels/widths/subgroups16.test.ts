import { testWidths } from './testWidths.ts';

testWidths(16, 'two widths');
