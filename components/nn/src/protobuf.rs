//! Protobuf's wire format, as far as a check of ONNX files needs it.

/// Value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    /// An integer.
    Varint(u64),
    /// A message, a text or packed numbers.
    Bytes(&'a [u8]),
    /// A number of fixed length, or the border of a group, whose fields follow as if they were the
    /// message's own.
    Other,
}

/// Iterator over the fields of a message: number and value. It ends where the bytes are not valid.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = (u32, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        // Libraries read a tag as 32 bits and drop the rest.
        let tag = self.varint()? as u32;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Other)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            3 | 4 => Value::Other,
            5 => self.take(4).map(|_| Value::Other)?,
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

impl<'a> Fields<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..70).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_wire_type_are_read() {
        let bytes = [
            &[1 << 3 | 1, 0, 0, 0, 0, 0, 0, 0, 0][..],
            &[2 << 3 | 5, 0, 0, 0, 0],
            &[3 << 3 | 3, 3 << 3 | 4],
            &[4 << 3, 0xac, 2],
            &[0xaa, 1, 2, b'o', b'k'],
        ]
        .concat();
        let fields: Vec<_> = Fields(&bytes).collect();
        assert_eq!(
            fields,
            [
                (1, Value::Other),
                (2, Value::Other),
                (3, Value::Other),
                (3, Value::Other),
                (4, Value::Varint(300)),
                (21, Value::Bytes(b"ok")),
            ]
        );
    }

    #[test]
    fn fields_end_where_bytes_are_not_valid() {
        for bytes in [
            &[][..],
            &[0xff; 40],
            &[2 << 3 | 2, 5, 1],
            &[2 << 3],
            &[2 << 3 | 1, 0],
            &[2 << 3 | 7, 0],
        ] {
            assert_eq!(Fields(bytes).next(), None, "{bytes:?}");
        }
    }
}
