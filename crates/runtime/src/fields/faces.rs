use segue_proto::common::v1::Face;

use super::Fields;

const MAX_FACES: usize = 16;

impl Fields {
    /// Forms of an access code, as they are given; of those that are refused, none.
    pub fn faces(&mut self, field: &str, values: &[i32]) -> Vec<Face> {
        self.at_most(field, values.len(), MAX_FACES);
        let values = values.iter().take(MAX_FACES).enumerate();
        let faces = values.map(|(index, value)| self.enumeration(&format!("{field}[{index}]"), *value));
        faces.filter(|face| *face != Face::Unspecified).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faces_are_known_and_few() {
        let read = |values: &[i32]| {
            let mut fields = Fields::new();
            let faces = fields.faces("faces", values);
            (faces, fields.first().map(|(field, _)| field.to_owned()))
        };
        assert_eq!(read(&[6, 1, 1]), (vec![Face::Qr, Face::Digits, Face::Digits], None));
        assert_eq!(read(&[]), (vec![], None));
        assert_eq!(read(&[1, 0]), (vec![Face::Digits], Some("faces[1]".to_owned())));
        assert_eq!(read(&[99]), (vec![], Some("faces[0]".to_owned())));
        assert_eq!(read(&[1; 17]).1.as_deref(), Some("faces"));
    }
}
